"""Which answers of an origin cannot be taken for the file that was asked for. njs refuses them, the line names them."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx.emit import Directive, Raw, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names


def shape(names: Names) -> Iterator[Directive]:
    """Print how the end of an answer is marked, and whether its length is the app's."""
    size = names.plain("known")
    yield volatile_map(
        phrase("$server_protocol|$upstream_http_content_length|$upstream_http_transfer_encoding"),
        names.var("framing"),
        ("~^(?:HTTP/1\\.0)?\\|\\|", "unframed"),
        ("~\\|\\|$", "unframed"),
        ("~*\\|.*chunked", "chunked"),
        default="length",
        why="How the end of the answer is marked; unframed: a cut cannot be told from the end. A client of"
        " HTTP/1.0 is given no chunks.",
    )
    yield volatile_map(
        phrase(f"$status|{names.var('size')}|$sent_http_content_length|$sent_http_content_range"),
        names.var("size_ok"),
        (f"~^200\\|(?<{size}>[0-9]+)\\|\\k<{size}>\\|", "1"),
        ("~^200\\|[0-9]+\\|[0-9]+\\|", ""),
        (f"~^206\\|(?<{size}_whole>[0-9]+)\\|[^|]*\\|bytes [0-9]+-[0-9]+/\\k<{size}_whole>$", "1"),
        ("~^206\\|[0-9]+\\|[^|]*\\|bytes [0-9]+-[0-9]+/[0-9]+$", ""),
        default="1",
    )


def maps(names: Names, *, slices: bool) -> Iterator[Directive]:
    """Print why an answer cannot be the file; empty where it can. A slice is a part that NGINX itself has asked for.

    An answer from the cache came whole, so only its size counts. The size is not held against coded bytes: the app may
    know either length. njs asks before the answer is sent, and NGINX keeps what `$sent_http_…` then was: it stands in
    no map here.
    """
    other, size = names.plain("other"), names.plain("wanted")
    yield volatile_map(
        phrase(f"{names.var('size')}|$upstream_http_content_length|$upstream_http_content_range"),
        names.var("origin_size_ok"),
        (f"~^(?<{size}>[0-9]+)\\|\\k<{size}>\\|$", "1"),
        ("~^[0-9]+\\|[0-9]+\\|$", ""),
        (f"~^(?<{size}_whole>[0-9]+)\\|[^|]*\\|bytes [0-9]+-[0-9]+/\\k<{size}_whole>$", "1"),
        ("~^[0-9]+\\|[^|]*\\|bytes [0-9]+-[0-9]+/[0-9]+$", ""),
        default="1",
    )
    yield volatile_map(
        Raw("$upstream_http_content_range"),
        names.var("part"),
        ("", "none"),
        ("~^bytes [0-9]+-[0-9]+/(?:[0-9]+|\\*)$", "ok"),
        default="bad",
    )
    yield volatile_map(
        phrase(
            f"{names.var('origin_status')}|$status|$request_method|{names.var('framing')}|"
            f"{names.var('ask_range')}{names.var('first') if slices else ''}|"
            f"{names.var('part')}|{names.var('origin_size_ok')}|$upstream_http_content_encoding"
        ),
        names.var("doubt"),
        ("~^[^|]*\\|009\\|", "not_http"),
        (
            f"~^(?<{other}>1[0-9]{{2}}|20[1-357-9]|2[1-9][0-9]|30[0-35-9]|3[1-9][0-9]|[4-9][0-9]{{2}})"
            f"\\|\\k<{other}>\\|",
            phrase(f"origin_${other}"),
        ),
        ("~^20[06]\\|20[06]\\|GET\\|unframed\\|", "unframed"),
        ("~^206\\|206\\|[^|]*\\|[^|]*\\|\\|", "unasked_part"),
        ("~^206\\|206\\|[^|]*\\|[^|]*\\|[^|]*\\|none\\|", "bad_part"),
        ("~^20[06]\\|[^|]*\\|[^|]*\\|[^|]*\\|[^|]*\\|bad\\|", "bad_part"),
        ("~^[^|]*\\|20[06]\\|[^|]*\\|[^|]*\\|[^|]*\\|[^|]*\\|\\|$", "size_differs"),
        why="Why an answer cannot be the file that was asked for; empty where it can.",
    )
