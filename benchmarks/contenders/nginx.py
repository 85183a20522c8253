"""The NGINX of the contenders: servers beside ours, each as its contender's documentation has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.contenders.place import DOWNLOADVIEW_INTERNAL
from xaccel.site import Site
from xaccel.tools.nginx.emit import Directive, Raw, block, directive
from xaccel.tools.nginx.engine_files import FOLDER

_STORAGE = "storage"


def local(port: int, files: str) -> Directive:
    """Print the server of what needs nothing but an internal directory, or nothing at all."""
    root = Path(files)
    return block(
        "server",
        inside=[
            directive("listen", f"127.0.0.1:{port}"),
            block("location", "/", inside=_app()),
            block(
                "location",
                f"/{root.name}/",
                inside=[directive("internal"), directive("root", str(root.parent))],
                why="https://django-sendfile2.readthedocs.io/en/latest/backends.html#nginx-backend",
            ),
            block(
                "location",
                DOWNLOADVIEW_INTERNAL,
                inside=[directive("internal"), directive("alias", f"{root}/")],
                why="https://django-downloadview.readthedocs.io/en/latest/optimizations/nginx.html",
            ),
        ],
    )


def streaming(port: int, app: str, *, buffered: bool = True) -> Directive:
    """Print a server in front of an app that sends the bytes itself: https://docs.gunicorn.org/en/stable/deploy.html."""
    return block(
        "server",
        inside=[
            directive("listen", f"127.0.0.1:{port}"),
            block(
                "location",
                "/",
                inside=[
                    directive("proxy_set_header", "X-Forwarded-For", Raw("$proxy_add_x_forwarded_for")),
                    directive("proxy_set_header", "X-Forwarded-Proto", Raw("$scheme")),
                    directive("proxy_set_header", "Host", Raw("$http_host")),
                    directive("proxy_redirect", "off"),
                    directive(
                        "proxy_read_timeout",
                        "1h",
                        why="By default who waits a minute for a free worker gets 504: seen with 32 clients of 1 GB.",
                    ),
                    *([] if buffered else [directive("proxy_buffering", "off")]),
                    directive("proxy_pass", f"http://{app}"),
                ],
            ),
        ],
    )


def plain(port: int, storage: str, signed: Mapping[str, str], site: Site) -> Iterator[Directive]:
    """Print NGINX's plain proxy_pass of objects, by name and signed path; /usual/ with its own default buffers."""
    yield block("upstream", _STORAGE, inside=[directive("server", storage), directive("keepalive", 32)])
    yield block(
        "server",
        inside=[
            directive("listen", f"127.0.0.1:{port}"),
            *(
                block(
                    "location",
                    "=",
                    f"/{kind}/{name}",
                    inside=[
                        *(_buffers() if kind == "plain" else ()),
                        directive("proxy_http_version", "1.1"),
                        directive("proxy_set_header", "Connection", ""),
                        directive("proxy_set_header", "Host", storage),
                        directive("proxy_set_header", "Cookie", ""),
                        directive("proxy_pass", Raw(f"http://{_STORAGE}{path}")),
                    ],
                )
                for kind in ("plain", "usual")
                for name, path in signed.items()
            ),
        ],
    )


def _buffers() -> Iterator[Directive]:
    """Print the buffers of xaccel's own locations."""
    yield directive("proxy_max_temp_file_size", 0)
    yield directive("proxy_buffer_size", "16k")
    yield directive("include", str(FOLDER / "locations/buffers.conf"))


def _app() -> list[Directive]:
    return [
        directive("proxy_pass", "http://xaccel_app"),
        directive("proxy_http_version", "1.1"),
        directive("proxy_set_header", "Connection", ""),
        directive("proxy_set_header", "Host", Raw("$http_host")),
    ]
