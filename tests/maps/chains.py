"""Chains of maps and locations of the engine, as one request runs through them.

The steps are the lines of the engine's locations, with the variables that `set` cannot assign renamed (bench.py).
"""

from __future__ import annotations

from tests.engine_text import parse
from tests.maps.bench import location, written
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin
from xaccel.tools.nginx import Directive, Nginx, Parts, render
from xaccel.tools.nginx.engine_files import FOLDER

SECRETS = ("new-0123456789-abcdefghijklmnopqrstuvwxyz", "old.0123456789+abcdefghijklmnopqrstuvwxyz")

PARTS = ("base", "scheme", "host", "tls_name", "path", "file", "dir", "peer")
URL_INPUTS = ("xaccel_origin_url", "xaccel_redirect_hosts", "xaccel_url")
REDIRECT_INPUTS = (*URL_INPUTS, "upstream_status", "upstream_http_location", "xaccel_redirect_count")

CONDITION_INPUTS = (
    "http_range", "http_if_range", "http_if_match", "http_if_unmodified_since", "http_if_none_match",
    "http_if_modified_since", "xaccel_etag", "xaccel_last_modified", "xaccel_refetch_whole",
)  # fmt: skip
REQUESTED = (
    "origin_range",
    "if_range",
    "if_match",
    "if_unmodified_since",
    "if_none_match",
    "if_modified_since",
)

HAND_OFF_INPUTS = (
    "upstream_http_xaccel_auth",
    "upstream_http_xaccel_id",
    "request_length",
    "xaccel_id",
    "args",
    "uri",
)


def between(file: str, first: str, last: str) -> str:
    """Return the directives of a location from the one that begins with `first` to the one that begins with `last`."""
    found: list[Directive] = []
    for item in parse((FOLDER / "locations" / f"{file}.conf").read_text(encoding="utf-8")):
        words = " ".join([item.name, *item.args])
        if found or words.startswith(first):
            found.append(item)
        if found and words.startswith(last):
            return written(found)
    raise LookupError(f"{file}.conf has nothing from {first} to {last}")


def urls() -> list[str]:
    """Write the way of a URL to its parts and, after a status and a Location, to those of the next URL."""
    request = between("fetch", "set $xaccel_redirect_count", "set $xaccel_was_requested")
    begin = 'error_page 502 = @refused; set $xaccel_origin_upstream home; set $xaccel_was_requested "";'
    parts = " ".join(f"$xaccel_{name}" for name in PARTS)
    taken_apart = between("fetch", "if ($xaccel_url", "if ($xaccel_url")
    return [
        location("chain/parts", ("xaccel_url",), f"error_page 502 = @refused; {taken_apart}", parts),
        location("chain/url", URL_INPUTS, f"{begin} {request}", parts),
        location("chain/redirect", REDIRECT_INPUTS, f"{begin} {request} {request}", parts),
        'location @refused { return 200 "=refused: $xaccel_refused"; }',
    ]


def conditions() -> list[str]:
    """Write what is requested for the conditions of a client."""
    values = "\\n".join(f"$xaccel_{name}" for name in REQUESTED)
    return [location("chain/conditions", CONDITION_INPUTS, "", values)]


def _site() -> Parts:
    site = Site(origins={"o": HTTPOrigin(base_url="http://192.0.2.1/")}, secrets=SECRETS)
    return render(site, Nginx(version=(1, 31, 0)))


def secret() -> str:
    """Write the map of the secret, as `xaccel config` writes it for a site."""
    return written(item for item in _site().http if item.args[0] == "$upstream_http_xaccel_auth")


def hand_offs() -> list[str]:
    """Write the way of a hand-off: the location of its origin, then @xaccel_accept."""
    blocks = {item.args[-1]: item.block or () for item in _site().server}
    settings = (place[0] for place in (blocks["/_xaccel/o"], blocks["@xaccel_accept"]))
    of_origin, of_site = (written([each]) for each in settings)
    steps = " ".join(
        [
            "error_page 410 = @seen;",
            of_origin,
            between("hand-off", "set $args", "set $args"),
            of_site,
            between("accept", "set $args $xaccel_place", "set $args $upstream"),
            between("decision", "set $xaccel_id", "set"),
            "error_page 418 = @seen; return 418;",
        ]
    )
    return [
        location("chain/hand-off", HAND_OFF_INPUTS, steps, ""),
        'location @seen { return 200 "=$xaccel_is_handed_off $xaccel_denied"; }',
    ]


def chains() -> list[str]:
    """Write the locations of all chains."""
    return [*urls(), *conditions(), *hand_offs()]
