"""Who may keep a download: the browser, unless the app says otherwise twice."""

from __future__ import annotations

from xaccel.errors import OptionRefused
from xaccel.site.header_rules import require_header_value

DEFAULT = "private, no-cache"
"""The browser keeps the file and asks each time: permission is checked, and a 304 saves the bytes."""


def keeps_shared_caches_out(value: str) -> bool:
    """Tell whether no shared cache may store an answer with this Cache-Control (RFC 9111 section 5.2.2)."""
    # Here, because its module loads http.client, ssl and email: a third of what `import xaccel` would cost.
    from urllib.request import parse_http_list

    directives = {item.strip().lower() for item in parse_http_list(value)}
    return not directives.isdisjoint({"private", "no-store"})


def cache_control(value: str | None, *, allow_shared_cache: bool) -> str:
    """Return the header's value; None means DEFAULT.

    Raises OptionRefused for a value that lets shared caches store unless `allow_shared_cache`, and HeaderRefused for
    what no header can carry.
    """
    if value is None:
        return DEFAULT
    require_header_value(value, "cache_control")
    if not allow_shared_cache and not keeps_shared_caches_out(value):
        raise OptionRefused(
            f"{value!r} lets shared caches keep a file that was checked for one user",
            where="cache_control",
            remedy='Add "private", or pass allow_shared_cache=True for a file that everybody may have.',
        )
    return value
