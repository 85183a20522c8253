"""The log entry of a hand-off that is refused, also in a subrequest."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx import guest, slices
from xaccel.nginx.emit import Directive, Raw, directive, phrase
from xaccel.nginx.log_line import FIELDS, json_format, printable
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.site import Site

_READ = {
    "id": "$upstream_http_xaccel_id",
    "subject": "$upstream_http_xaccel_subject",
    "size": "$upstream_http_xaccel_size",
    "note": "$upstream_http_xaccel_note",
}
"""Fields that come from the refused response."""

_FIXED = {
    "body_bytes": "0",
    "sent_length": '""',
    "completion": '"OK"',
    "content_range": '""',
    "etag": '""',
    "last_modified": '""',
    "framing": '"length"',
    "encoding": '""',
    "origin_status": '""',
    "origin_seconds": '""',
    "cache": '""',
}
"""Fields of a file, which is not sent. NGINX keeps `$sent_http_…` and `$request_completion` for a request and all its
subrequests once it was asked for them: reading them here would change the entry of a download that runs."""


def formats(site: Site, names: Names) -> Iterator[Directive]:
    """Generate the log format, with the same fields as that of a transfer, and its maps."""
    for name, source in _READ.items():
        yield printable(names, Raw(source), f"refused_{name}")
    origin = names.plain("refused_at")
    yield volatile_map(
        Raw("$uri"),
        names.var("refused_origin"),
        (f"~^{site.internal_prefix}(?<{origin}>[a-z0-9_-]+)", Raw(f"${origin}")),
    )
    yield volatile_map(
        names.var("distrust"), names.var("refused_why"), ("", "forged"), default=names.var("distrust")
    )
    own = {name: f'"{names.var(f"refused_{name}")}"' for name in (*_READ, "origin", "why")}
    fields = {name: own.get(name, _FIXED.get(name, expression)) for name, expression, _ in FIELDS}
    yield json_format(
        names,
        "refusal",
        fields,
        why="The same of a hand-off that is refused, from the response itself.",
    )
    for index, condition in slices.access_conditions(site):
        yield volatile_map(
            phrase(f"$request_length|{condition}"),
            names.var(f"refused_{index}"),
            ("~^0\\|", ""),
            ("~\\|0?$", ""),
            default="1",
        )


def logs(site: Site, names: Names) -> Iterator[Directive]:
    """Generate the logs of the refusal: ours also for a subrequest, the operator's not."""
    conditions = {index: names.var(f"refused_{index}") for index, _ in slices.access_conditions(site)}
    _, *others = guest.logs(site, names, only=Raw("$request_length"), conditions=conditions)
    yield directive("access_log", site.log_path, names.plain("refusal"), Raw(f"if={names.var('handed_off')}"))
    yield from others
    yield directive("log_subrequest", "on")
