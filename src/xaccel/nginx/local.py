"""The locations that send files of a directory."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx import buffers, error_pages, guest, limits
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.fetch import added_headers
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.nginx.probe import Nginx
from xaccel.site import Site


def maps(names: Names) -> Iterator[Directive]:
    """Print whose validators a file has: the app's if it gave any, else NGINX's own."""
    for name, sent in (("etag", "$sent_http_etag"), ("last_modified", "$sent_http_last_modified")):
        yield volatile_map(
            names.var("owned"), names.var(f"file_{name}"), ("", Raw(sent)), default=names.var(name)
        )


def file_location(site: Site, nginx: Nginx, names: Names) -> Directive:
    """Print the location that sends a file.

    `root` and `rewrite` take what NGINX decoded from X-Accel-Redirect, once, after its check for "..".
    """
    return block(
        "location",
        names.location("file"),
        inside=[
            *guest.entry_guard(names),
            directive("rewrite", phrase("(?s)^/[^/]+/[^/]+(/.*)$"), Raw("$1"), "break"),
            directive("root", names.var("root")),
            directive(
                "disable_symlinks",
                "on",
                Raw(f"from={names.var('root')}"),
                why="No symbolic link below the root is followed. `if_not_owner` looks at the owner and opens the file"
                " in two steps, and a rename between them passes any file.",
            ),
            directive(
                "try_files",
                Raw("$uri"),
                "=404",
                why="A directory is no file: by default NGINX would redirect to its path.",
            ),
            *guest.logs(site, names),
            *limits.in_location(site, names),
            Directive("types", (), ()),
            directive("default_type", "", why="The type is the app's."),
            *added_headers(site, nginx, names, local=True),
            *guest.untouched_body(nginx),
            *guest.asked_already(nginx),
            *guest.file_alone(nginx),
            *buffers.patience(),
            *buffers.unheld(),
            *error_pages.local(names),
        ],
        why="Sends a file of a directory.",
    )
