"""Whose fault it is that a transfer ended early: the client's, a later slice's, or the cache's disk.

NGINX ends all three in the same way, and its own words about them would hold the signed URL. What it leaves in
variables tells them apart, but for a few cases that look as if the client had left (docs/reference/log-line.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx.emit import Directive, Raw, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names


def maps(names: Names, *, slices: bool) -> Iterator[Directive]:
    """Print the reason; it is looked for where a transfer is not complete and nothing else says why.

    A client that leaves does not stop what is kept: the origin's answer is read to its end all the same. One that was
    not read to its end could not be written. A slice that was asked for has come when NGINX asks whether to keep it; an
    answer whose entity tag or place is another's never gets so far. Of one from the cache only the place tells that it
    failed. Of an answer without one byte, the head included, the client had left before it came. (25 bytes
    are NGINX's `100 Continue`.)
    """
    sent, asked, whole = names.plain("sent"), names.plain("was_asked"), names.plain("kept_length")
    if slices:
        yield _mark(names, "slice_asked", names.plain("last_asked"), Raw("$slice_range"))
        yield _mark(names, "slice_came", names.plain("last_came"), "")
    key = (
        "$bytes_sent|$upstream_cache_status|$upstream_response_length|$upstream_http_content_length|"
        f"{names.var('unsliced')}{names.var('no_whole')}"
    )
    of_slices = f"{names.var('last_asked')}|{names.var('last_came')}|$body_bytes_sent|$slice_range"
    yield volatile_map(
        phrase(f"{key}|{of_slices}" if slices else key),
        names.var("interrupted"),
        ("~^(?:0|25)\\|", "client_left"),
        *(
            [
                (
                    f"~^(?:[^|]*\\|){{5}}(?<{asked}>[^|]+)\\|(?!\\k<{asked}>\\|)[^|]*\\|[^|]*\\|.",
                    "slice_failed",
                ),
                (
                    f"~^(?:[^|]*\\|){{5}}(?<{asked}_of_another>[^|]*)\\|[^|]*\\|(?<{sent}>[1-9][0-9]*)\\|"
                    f"(?!\\k<{asked}_of_another>$)bytes=\\k<{sent}>-",
                    "slice_failed",
                ),
            ]
            if slices
            else []
        ),
        (f"~^[0-9]+\\|[A-Z]+\\|(?:[^|]*[ ,])?(?<{whole}>[0-9]+)\\|\\k<{whole}>\\|", ""),
        ("~^[0-9]+\\|(?:MISS|EXPIRED)\\|[^|]*\\|[0-9]+\\|_whole(?:\\||$)", "cache_failed"),
        *(
            [("~^[0-9]+\\|(?:MISS|EXPIRED)\\|[^|]*\\|[0-9]+\\|(?:_whole)?\\|.*\\|bytes=", "cache_failed")]
            if slices
            else []
        ),
        why="Why a transfer that is not complete ended, where the client may have left:"
        f"{' a slice that was asked for and did not come, or' if slices else ''} an answer that is kept and was not"
        " read to its end, because the cache's disk is full.",
    )


def _mark(names: Names, variable: str, capture: str, value: str) -> Directive:
    return volatile_map(
        Raw("$slice_range"),
        names.var(variable),
        (f"~^(?<{capture}>.+)$", value),
        why="Which slice was asked for last, and which came last: its capture remembers it."
        if variable == "slice_asked"
        else "",
    )
