"""The decisions NGINX takes from the app's private headers, as maps: `if` and `set` cannot be trusted with them.

A map of a hand-off's value is volatile: NGINX would keep its result for the whole request and for its subrequests
(tests/unit/test_shared_variables.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xaccel import cache_control, content_security
from xaccel.nginx import slices
from xaccel.nginx.emit import Directive, Raw, phrase
from xaccel.nginx.larger import larger_than
from xaccel.nginx.map_block import map_block, volatile_map
from xaccel.nginx.names import Names, header_variable
from xaccel.site import Cache, Site
from xaccel.transfer_id import PATTERN

_UNSLICED = (
    " So it is with large objects too, for there are no slices: each range of one that is not kept goes to the origin,"
    " and who waits longer than the lock asks it for the whole. The reason:"
)


def trust(site: Site, names: Names) -> Iterator[Directive]:
    """Generate the map that tells why a hand-off is refused; empty where it is the app's.

    It reads the response that hands off, and no variable of an earlier one: NGINX shares variables between a request
    and its subrequests, and keeps the result of a map that is not volatile for all of them.
    """
    secret = f"(?:{'|'.join(site.secrets)})" if len(site.secrets) > 1 else site.secrets[0]
    yield volatile_map(
        phrase("$upstream_http_xaccel_auth|$upstream_http_xaccel_id|$request_length"),
        names.var("distrust"),
        (f"~^{secret}\\|{PATTERN}\\|[1-9]", ""),
        (f"~^{secret}\\|{PATTERN}\\|", "subrequest"),
        (f"~^{secret}\\|", "no_id"),
        default="forged",
        why="Only an app that knows the site's secret hands off (two are valid during a rotation), with an id by which"
        " the log finds the transfer. Refused in subrequests (mirror, SSI, auth_request, addition): they share their"
        " variables with the request, so one download could get what was decided for another. The length of a"
        " subrequest is 0.",
    )


def request(names: Names, *, header_names: Iterable[str]) -> Iterator[Directive]:
    """Print what is asked of an origin."""
    yield volatile_map(names.var("method"), names.var("ask"), ("HEAD", "HEAD"), default="GET")
    yield map_block(
        Raw("$http_range"),
        names.var("one_range"),
        ("~*^bytes=(?:[0-9]+-[0-9]*|-[0-9]+)$", Raw("$http_range")),
        why="One range is passed on; for several the whole file is the answer (RFC 9110 section 14.2 allows it).",
    )
    why = "Fixed request headers of an origin go to no other host that it redirects to."
    for header in map(header_variable, header_names):
        yield volatile_map(
            names.var("at_home"),
            names.var(f"fixed_{header}"),
            ("1", names.var(f"send_{header}")),
            why=why,
        )
        why = ""


def validators(names: Names) -> Iterator[Directive]:
    """Print whose ETag and Last-Modified count: the app's if it gave any, else the origin's."""
    value, date = names.plain("tag"), names.plain("date")
    yield volatile_map(
        phrase(f"{names.var('etag')}{names.var('last_modified')}"),
        names.var("owned"),
        ("", ""),
        default="1",
        why="Where the app gave a validator it has answered the client's conditions itself, and the origin, which"
        " would compare them with its own, is asked none.",
    )
    for name, header, own in (
        ("out_etag", "$upstream_http_etag", "etag"),
        ("out_last_modified", "$upstream_http_last_modified", "last_modified"),
    ):
        yield volatile_map(names.var("owned"), names.var(name), ("", Raw(header)), default=names.var(own))
    yield volatile_map(
        phrase(f"$http_if_range {names.var('etag')}"),
        names.var("same_tag"),
        (f'~^(?<{value}>"[^ ]*) \\k<{value}>$', "1"),
        why="If-Range is compared with the app's own validator: equal, the range is asked for; else the whole.",
    )
    yield volatile_map(
        phrase(f"$http_if_range|{names.var('last_modified')}"),
        names.var("same_date"),
        (f"~^(?<{date}>[A-Za-z0-9 ,:]+)\\|\\k<{date}>$", "1"),
    )
    yield map_block(Raw("$http_if_range"), names.var("has_if_range"), ("", ""), default="1")


def conditions(names: Names) -> Iterator[Directive]:
    """Print which range and which conditions of the client go to the origin."""
    yield from _splice_guard(names)
    for header, source in (
        ("if_none_match", Raw("$http_if_none_match")),
        ("if_modified_since", Raw("$http_if_modified_since")),
        ("if_match", names.var("match")),
        ("if_unmodified_since", names.var("unmodified_since")),
        ("if_range", Raw("$http_if_range")),
    ):
        yield volatile_map(names.var("owned"), names.var(header), ("", source))
    yield volatile_map(
        names.var("one_range"), names.var("ask_range"), ("", ""), default=names.var("range_now")
    )
    yield volatile_map(
        phrase(
            f"{names.var('whole')}|{names.var('owned')}|{names.var('has_if_range')}|"
            f"{names.var('same_tag')}{names.var('same_date')}|{names.var('guard')}"
        ),
        names.var("range_now"),
        ("~^\\|\\|\\|", names.var("one_range")),
        ("~^\\|\\|1\\|\\|[td]", names.var("one_range")),
        ("~^\\|1\\|\\|", names.var("one_range")),
        ("~^\\|1\\|1\\|1", names.var("one_range")),
    )


def _why_unsliced(cache: Cache) -> str:
    return slices.NO_MODULE if cache.slice_bytes else 'the site says "slice": "0".'


def caching(cache: Cache, names: Names, *, zone: str, present: bool) -> Iterator[Directive]:
    """Print when the cache serves, and which way a transfer goes because of it."""
    too_large = larger_than(cache.max_bytes)
    yield volatile_map(
        phrase(
            f"{names.var('owned')}|$http_if_unmodified_since|$http_if_match|"
            "$http_if_none_match|$http_if_modified_since|$http_if_range"
        ),
        names.var("uncacheable"),
        ("~^1?\\|[^|]", "1"),
        ("~^1\\|\\|[^|]", "1"),
        ("~^1\\|\\|\\|[^|]", "1"),
        ("~^1\\|\\|\\|\\|[^|]", "1"),
        ("~^1\\|.*\\|W/", "1"),
        why="On a cached answer NGINX compares conditions with the origin's validators; where the app owns them and"
        " that would answer wrongly, the cache is left out. So it is with If-Unmodified-Since, which NGINX answers with"
        " 412 where the object has no date.",
    )
    yield volatile_map(
        phrase(
            f"{names.var('framing')}|{names.var('size_ok')}|$upstream_http_content_length|{names.var('size')}"
        ),
        names.var("no_whole"),
        ("~^unframed", "1"),
        ("~^[a-z]+\\|\\|", "1"),
        (f"~^[a-z]+\\|1\\|{too_large}\\|", "1"),
        ("~^chunked\\|.*\\|$", "1"),
        why="What is not kept as a whole: what may be a part, an answer without an end or of another size than the"
        " app's; and what may be larger than the cache, whose length nobody tells or is more than max_size.",
    )
    yield volatile_map(
        phrase(f"{names.var('uncacheable')}|{names.var('cache_key')}"),
        names.var("cache"),
        ("~^\\|[0-9a-f]{64}-[0-9a-f]{64}$", zone),
        default="off",
        why="Without a key there is no cache: an empty key would be one entry for all objects.",
    )
    yield volatile_map(
        phrase(f"{names.var('whole')}|{names.var('one_range')}|$request_method|{names.var('size')}"),
        names.var("unsliced"),
        ("~^\\|[^|]", ""),
        ("~\\|HEAD\\|", ""),
        (f"~\\|{too_large}$", ""),
        default="_whole",
        why="Which way to fetch: the whole object, and keep it; or what was asked for, and keep nothing: a range, a"
        " head, an object larger than the cache."
        + ("" if present else f"{_UNSLICED} {_why_unsliced(cache)}"),
    )
    if not present:
        yield volatile_map(names.var("cache"), names.var("way"), ("off", ""), default=names.var("unsliced"))
        return
    yield volatile_map(
        phrase(
            f"{names.var('cache')}|{names.var('slices')}|{names.var('one_range')}|$request_method|{names.var('size')}"
        ),
        names.var("way"),
        ("~^off\\|", ""),
        (f"~^[^|]+\\|1\\|\\|GET\\|{too_large}$", names.var("unsliced")),
        ("~^[^|]+\\|1\\|", "_slices"),
        default=names.var("unsliced"),
        why="In slices where the app says so, but for the whole of an object larger than the cache: it would push out"
        " all that is kept, and each slice that the origin sends costs memory until the transfer is over.",
    )


def _splice_guard(names: Names) -> Iterator[Directive]:
    yield volatile_map(
        phrase(
            f"{names.var('whole')}|{names.var('owned')}|$http_if_match$http_if_unmodified_since|"
            f"{names.var('one_range')}|$http_if_range"
        ),
        names.var("guard"),
        ('~^\\|\\|\\|[^|]+\\|"', "tag"),
        ("~^\\|\\|\\|[^|]+\\|[A-Z][a-z]", "date"),
        why="A part of a replaced object must not be put behind a part of the old one, also where the origin ignores"
        " If-Range: it travels as If-Match too, and on 412 the whole is asked for.",
    )
    for name, kind, header in (
        ("match", "tag", "$http_if_match"),
        ("unmodified_since", "date", "$http_if_unmodified_since"),
    ):
        yield volatile_map(
            Raw("$http_if_range"), names.var(name), ("", Raw(header)), default=names.var(f"guarded_{name}")
        )
        yield volatile_map(
            names.var("guard"),
            names.var(f"guarded_{name}"),
            (kind, Raw("$http_if_range")),
            default=Raw(header),
        )


def answer(names: Names) -> Iterator[Directive]:
    """Print what the user sees."""
    yield volatile_map(
        names.var("type"),
        names.var("out_type"),
        ("", Raw("$upstream_http_content_type")),
        default=names.var("type"),
        why="What the user sees: the app's value, else the origin's or the default.",
    )
    yield volatile_map(
        names.var("out_type"),
        names.var("type_csp"),
        *((f"~*{pattern}", policy) for pattern, policy in content_security.BY_TYPE),
        default=content_security.SANDBOX,
    )
    yield volatile_map(
        names.var("csp"),
        names.var("out_csp"),
        ("", names.var("type_csp")),
        default=names.var("csp"),
    )
    yield volatile_map(
        names.var("cache_control"),
        names.var("out_cache_control"),
        ("", cache_control.DEFAULT),
        default=names.var("cache_control"),
    )
