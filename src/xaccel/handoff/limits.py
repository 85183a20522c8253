"""What the app says to NGINX about the speed of one transfer, and about how many there may be at once."""

from __future__ import annotations

from hashlib import sha256

from xaccel.errors import OptionRefused
from xaccel.options import UNLIMITED, Options
from xaccel.site import Site
from xaccel.site.header_rules import header_value_ok, require_number

LONGEST_KEY = 255
"""Bytes: NGINX does not count a longer key at all (ngx_http_limit_conn_module.c, tests/live/test_limits.py)."""


def limit_headers(site: Site, options: Options) -> list[tuple[str, str]]:
    """Return the private headers that limit this transfer; what NGINX takes for granted is not said.

    Raises OptionRefused for what is no number, a class that the site has not, and a class with nobody to count for.
    """
    headers: list[tuple[str, str]] = []
    rate, after = options.limit_rate, options.limit_rate_after
    if rate is not None:
        headers.append(("Xaccel-Rate", "0" if rate == UNLIMITED else require_number(rate, "limit_rate", 1)))
    if after is not None:
        headers.append(("Xaccel-Rate-After", require_number(after, "limit_rate_after", 0)))
    return headers + _concurrency(site, options)


def _concurrency(site: Site, options: Options) -> list[tuple[str, str]]:
    name, key = options.concurrency or "", options.concurrency_key or options.subject
    if name == UNLIMITED:
        return [("Xaccel-Concurrency", UNLIMITED)] if site.concurrency else []
    if name and name not in site.concurrency:
        remedy = (
            f"Use {UNLIMITED!r} or one of: {', '.join(sorted(site.concurrency)) or '(none is configured)'}. Classes"
            ' are in XACCEL["CONCURRENCY"]; after a change generate the NGINX configuration again and reload NGINX.'
        )
        raise OptionRefused(f"the site has no class {name!r}", where="concurrency", remedy=remedy)
    if not isinstance(key, str):
        raise OptionRefused(f"{key!r} is not text", where="concurrency_key", remedy="Give text.")
    if name and not key:
        what = f"nobody is named for whom class {name!r} counts"
        remedy = "Give `subject` or `concurrency_key`: without either a transfer is not counted."
        raise OptionRefused(what, where="concurrency_key", remedy=remedy)
    headers = [("Xaccel-Concurrency", name)] if name else []
    if site.concurrency and (spelled := _spelled(key)) != options.subject:
        headers.append(("Xaccel-Concurrency-Key", spelled))
    return headers


def _spelled(key: str) -> str:
    """A key that a header or NGINX would not take is counted by its hash."""
    if not key or (len(key) <= LONGEST_KEY and header_value_ok(key)):
        return key
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
