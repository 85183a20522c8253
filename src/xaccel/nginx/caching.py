"""What NGINX keeps of an origin's answers, in each way to fetch."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from xaccel.nginx import buffers, guest, slices
from xaccel.nginx.emit import Directive, directive, phrase
from xaccel.nginx.names import Names
from xaccel.nginx.probe import Nginx
from xaccel.site import Cache, Site


class Way(Enum):
    """How an object is fetched; the value ends the name of its location.

    ASKED: what the client asked for, a range as a range. Nothing is kept; what is kept already is sent.
    WHOLE: the whole object, which is kept. SLICES: slice for slice, each of which is kept.
    """

    ASKED = ""
    WHOLE = "_whole"
    SLICES = "_slices"


def ways(site: Site, nginx: Nginx) -> tuple[Way, ...]:
    """Return the ways that this site needs on this NGINX."""
    if site.cache is None:
        return (Way.ASKED,)
    return (Way.ASKED, Way.WHOLE, *([Way.SLICES] if slices.present(site, nginx) else []))


def cache_directives(site: Site, names: Names, way: Way) -> Iterator[Directive]:
    """Print what is kept, for how long, and who waits for it."""
    if site.cache is None:
        yield directive("proxy_cache", "off")
        yield directive("proxy_no_cache", 0)
        return
    yield directive(
        "proxy_cache",
        names.var("cache"),
        why="The cache is keyed by object and version, never by signature or user; each request still asks the app.",
    )
    if way is Way.SLICES:
        yield from slices.directives(site, names)
    else:
        yield directive("proxy_cache_key", phrase(f"{names.var('cache_key')}"))
    yield from _kept(site.cache, names, way)
    yield from _lock(site.cache, way)
    yield directive("proxy_cache_convert_head", "on")
    yield directive(
        "proxy_cache_use_stale",
        *("error", "timeout", "http_500", "http_502", "http_503", "http_504"),
        why="While the origin is down what is kept goes on being sent, however old.",
    )
    yield from guest.cache_alone()
    yield from buffers.unheld()


def _kept(cache: Cache, names: Names, way: Way) -> Iterator[Directive]:
    if way is Way.ASKED:
        yield directive(
            "proxy_no_cache",
            1,
            why="A range goes to the origin and is not kept, or a part would be taken for the whole.",
        )
        return
    yield directive(
        "proxy_no_cache",
        *([names.var("slice_came"), names.var("no_slice")] if way is Way.SLICES else [names.var("no_whole")]),
        why="What is no slice of this object is not kept, nor one that may be a part of it."
        if way is Way.SLICES
        else "What may be a part is not kept as the whole, nor what may be larger than the cache.",
    )
    yield directive("proxy_cache_valid", *([200, 206] if way is Way.SLICES else [200]), cache.valid)


def _lock(cache: Cache, way: Way) -> Iterator[Directive]:
    if way is Way.ASKED:
        yield directive("proxy_cache_lock", "off")
        return
    what = "slice" if way is Way.SLICES else "object"
    yield directive(
        "proxy_cache_lock",
        "on",
        why=f"Of many who ask for the same {what} one fetches it, and the others look every half second whether it is"
        f" whole. After {cache.lock} they ask the origin themselves.",
    )
    yield directive("proxy_cache_lock_timeout", cache.lock)
    yield directive("proxy_cache_lock_age", cache.lock)
