"""The line of one transfer: JSON, without URI, query, address of the origin and signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xaccel.nginx import doubt
from xaccel.nginx.emit import Directive, Raw, directive, phrase
from xaccel.nginx.map_block import map_block, volatile_map
from xaccel.nginx.names import Names

FIELDS: tuple[tuple[str, str, str], ...] = (
    ("v", "1", "version of this line"),
    ("id", '"${}_line_id"', "transfer id, UUIDv7; empty where the hand-off had none"),
    ("origin", '"${}_origin"', "name of the origin"),
    ("subject", '"${}_line_subject"', "whom limits and audit mean"),
    ("method", '"${}_client_method"', "the client's method; NGINX itself asks with GET or HEAD"),
    ("protocol", '"$server_protocol"', "the client's protocol"),
    ("status", '"$status"', "what the client got; text, since an HTTP/0.9 answer is logged as 009"),
    (
        "body_bytes",
        "$body_bytes_sent",
        "bytes of the body given to the client's connection; includes framing and `interim_bytes`",
    ),
    (
        "interim_bytes",
        "${}_interim",
        "bytes in `body_bytes` that are no body: NGINX's `100 Continue`; 0 or 25",
    ),
    ("sent_length", '"$sent_http_content_length"', "length that was announced; empty when chunked"),
    (
        "completion",
        '"$request_completion"',
        "OK, or empty when the client or NGINX ended the transfer early; of a HEAD it says nothing",
    ),
    ("range", '"${}_line_range"', "what the client asked for"),
    ("content_range", '"${}_line_content_range"', "what it was given"),
    ("etag", '"${}_line_etag"', "validator of the object that was sent"),
    ("last_modified", '"${}_line_last_modified"', "its date; a validator too, where it has no ETag"),
    ("framing", '"${}_framing"', "length, chunked or unframed: how the client can tell the end of the body"),
    ("encoding", '"${}_line_encoding"', "coding in which bytes are counted"),
    ("size", '"${}_line_size"', "bytes of the object as the app knows them"),
    (
        "origin_status",
        '"${}_origin_status"',
        "last status of the origin; empty for a directory and a cache hit",
    ),
    ("origin_seconds", '"${}_origin_seconds"', "time until the origin's last byte"),
    ("cache", '"$upstream_cache_status"', "HIT, MISS, STALE …; empty when not cached"),
    ("why", '"${}_why"', "reason of a refusal or a failure; empty when all is well"),
    ("note", '"${}_line_note"', "the app's decision, where no row is written in the request; base64url"),
    ("end", "$msec", "end of the transfer, seconds since 1970"),
    ("seconds", "$request_time", "from the client's first byte to the end"),
    ("ip", '"$remote_addr"', "the client's address as NGINX knows it"),
)
"""Name, NGINX expression ("{}" stands for the site's stem) and meaning of each field, in order."""

FOREIGN: tuple[tuple[str, str], ...] = (
    ("id", "${}_id"),
    ("subject", "${}_subject"),
    ("range", "$http_range"),
    ("content_range", "$sent_http_content_range"),
    ("etag", "$sent_http_etag"),
    ("last_modified", "$sent_http_last_modified"),
    ("encoding", "$sent_http_content_encoding"),
    ("size", "${}_size"),
    ("note", "${}_note"),
)
"""Fields that a client, an origin or a forger writes, and where their text comes from."""


def log_format(names: Names) -> Directive:
    """Print the format of a transfer."""
    return json_format(
        names,
        "transfer",
        {name: expression for name, expression, _ in FIELDS},
        why="One JSON line a transfer. It holds no URI, no query and no address of the origin.",
    )


def json_format(names: Names, name: str, fields: Mapping[str, str], *, why: str) -> Directive:
    """Print a format of JSON. `escape=json` keeps hostile values inside their quotes."""
    text = ",".join(f'"{key}":{expression.replace("{}", names.stem)}' for key, expression in fields.items())
    return directive("log_format", names.plain(name), "escape=json", Raw(f"'{{{text}}}'"), why=why)


def printable(names: Names, value: Raw, name: str, *, why: str = "") -> Directive:
    """Print a map to the value where it is printable ASCII, and to a word that says so where it is not."""
    return volatile_map(
        value, names.var(name), ("", ""), ("~^[ -~]*$", value), default="(unprintable)", why=why
    )


def maps(names: Names, *, remote: bool, kept: bool) -> Iterator[Directive]:
    """Print what the line needs of the origin's answer: the last of NGINX's " : " list, whose first is the app's."""
    yield volatile_map(
        Raw("$upstream_status"),
        names.var("handed_off"),
        ("", ""),
        default=1,
        why="A request from outside for an internal location never reached the app, and is no transfer.",
    )
    for name, source in FOREIGN:
        value = Raw(source.replace("{}", names.stem))
        yield printable(
            names,
            value,
            f"line_{name}",
            why="JSON is UTF-8: one byte of somebody else's would make the whole line unreadable."
            if name == FOREIGN[0][0]
            else "",
        )
    method = names.plain("verb")
    yield map_block(
        Raw("$request"),
        names.var("client_method"),
        (f"~^(?<{method}>[A-Z]{{1,16}}) ", Raw(f"${method}")),
        why="The client's method: $request_method is GET after a hand-off, whatever it was.",
    )
    status, seconds = names.plain("last_status"), names.plain("last_seconds")
    yield volatile_map(
        Raw("$upstream_status"),
        names.var("origin_status"),
        (f"~ : (?:.*[, ])?(?<{status}>[0-9]{{3}})$", Raw(f"${status}")),
        why="What the origin answered last, and how long it took.",
    )
    yield volatile_map(
        Raw("$upstream_response_time"),
        names.var("origin_seconds"),
        (f"~ : (?:.*[, ])?(?<{seconds}>[0-9.]+)$", Raw(f"${seconds}")),
    )
    yield volatile_map(
        phrase("$server_protocol|$http_expect"),
        names.var("interim"),
        ("~*^HTTP/1\\.0*[1-9][0-9]*\\|100-continue$", "25"),
        default=0,
        why="NGINX counts the 25 bytes of its own `100 Continue` in $body_bytes_sent. It sends them once, over"
        " HTTP/1.1.",
    )
    yield volatile_map(
        phrase(f"{names.var('interim')}$request_completion|$body_bytes_sent|$sent_http_content_length"),
        names.var("all_sent"),
        ("~\\|$", "unknown"),
        ("~^25OK\\|", "unknown"),
        ("~^25\\|", ""),
        (f"~\\|(?<{names.plain('bytes')}>[0-9]+)\\|\\k<{names.plain('bytes')}>$", "yes"),
        why="Whether the announced length was sent. NGINX cannot subtract: `xaccel ingest` does it for `100 Continue`.",
    )
    yield from doubt.shape(names)
    yield from _why(names, remote=remote, kept=kept)


def _why(names: Names, *, remote: bool, kept: bool) -> Iterator[Directive]:
    reason, code, doubted = names.plain("reason"), names.plain("code"), names.plain("doubted")
    whole = names.plain("whole_length")
    yield volatile_map(
        names.var("admitted"),
        names.var("stopped"),
        ("", "forged"),
        default=names.var("refused"),
        why="Why NGINX itself refused: a backend that jumps past an origin's location was never admitted.",
    )
    yield volatile_map(
        phrase(
            f"{names.var('stopped')}|$request_method$request_completion|$status|$body_bytes_sent|"
            f"$sent_http_content_length|$upstream_http_content_length|{names.var('size')}|"
            "$upstream_http_content_range|$upstream_status"
        ),
        names.var("why"),
        (
            f"~^\\|GETOK\\|200\\|(?<{whole}>[0-9]+)\\|\\k<{whole}>\\|\\k<{whole}>"
            f"\\|(?:\\k<{whole}>)?\\|\\|(?:.* )?200$",
            "",
        ),
        default=names.var("why_not"),
        why="Why a transfer did not go well: a refusal of ours, or what the origin did. First the whole file of the"
        " length that everybody named, which most transfers are.",
    )
    yield volatile_map(
        phrase(
            f"{names.var('stopped')}|{names.var('origin_status')}|"
            f"$upstream_http_x_amz_bucket_region|"
            f"$upstream_header_time|$request_method$request_completion{names.var('all_sent')}|$status|"
            f"{names.var('size_ok')}|{names.var('doubt') if remote else ''}"
        ),
        names.var("why_not"),
        ("~^[^|]*\\|(?:301|307|400)\\|[^|]+\\|", "wrong_region"),
        (f"~^(?<{reason}>[^|]+)\\|", Raw(f"${reason}")),
        ("~^(?:[^|]*\\|){5}429\\|", "limited"),
        ("~^\\|\\|[^|]*\\|[^|]*\\|[^|]*\\|4(?:18|99)\\|", "client_left"),
        ("~^\\|504\\|[^|]*\\|[^|]* : (?:[^|]*, )?-\\|", "origin_timeout"),
        ("~^\\|50[0-9]\\|[^|]*\\|[^|]* : (?:[^|]*, )?-\\|", "origin_failed"),
        (
            f"~^\\|(?<{code}>1[0-9]{{2}}|20[1-57-9]|2[1-9][0-9]|30[0-35-9]|3[1-9][0-9]|[4-9][0-9]{{2}})\\|",
            phrase(f"origin_${code}"),
        ),
        ("~\\|GETOK\\|20[06]\\|", "origin_cut"),
        (f"~\\|(?<{doubted}>[a-z_]+)$", Raw(f"${doubted}")),
        ("~\\|20[06]\\|\\|$", "size_differs"),
        *([("~\\|GET\\|20[06]\\|1\\|$", names.var("interrupted"))] if kept else []),
    )
