"""Make the digest of a site's settings, by which the doctor and others recognise the NGINX that runs with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any

from xaccel.site import Site
from xaccel.site.keys import settings_token
from xaccel.site.origins import CREDENTIALS
from xaccel.site.setting import table
from xaccel.tools.nginx import engine_files as engine
from xaccel.tools.nginx.emit import Directive, block, directive, phrase

_ADDED_BY_PROXIES = "$http_x_forwarded_for $http_forwarded $http_x_real_ip $http_via "
"""Headers that show a proxy in front of NGINX: the doctor sends none of them."""
SERVED = " by xaccel serve"
"""The end of the digest's text, if the configuration is not the one on disk."""


def digest(site: Site) -> str:
    """Return a digest of the settings that NGINX's configuration depends on, without secrets and the version of xaccel.

    The app has credentials of buckets, and NGINX's host needs none.
    """
    values = _settings_in_nginx(site)
    del values["secrets"]
    for name in ("archives", "grants", "uploads"):
        if values[name] is None:  # a site without it keeps the digest of older versions
            del values[name]
    values["origins"] = {}
    for name, origin in site.origins.items():
        kept = _settings_in_nginx(origin)
        kept |= dict.fromkeys(kept.keys() & {*CREDENTIALS})
        kept["request_headers"] = sorted(kept.get("request_headers", ()))
        values["origins"][name] = [type(origin).__name__, kept]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _settings_in_nginx(part: object) -> dict[str, Any]:
    rows = [row for row in table(type(part)).values() if row.in_nginx]  # type: ignore[arg-type]
    values = {row.field.name: getattr(part, row.field.name) for row in rows}
    return {name: _settings_in_nginx(one) if is_dataclass(one) else one for name, one in values.items()}


def digest_path(site: Site) -> str:
    """Return the path of the location that responds with the digest.

    Nobody can guess it: it is made from the secrets, and does not reveal them. Other secrets have another path.
    """
    return f"{site.internal_prefix}{settings_token(site.secrets)}"


def unresolved_path(site: Site) -> str:
    """Return the path of the location that responds with the names without an address."""
    return f"{digest_path(site)}/unresolved"


def mark_of_doctor(site: Site) -> str:
    """Return the query by which `xaccel serve` knows a request of the doctor: only they have the secret."""
    return digest_path(site).rpartition("/")[2]


def digest_text(site: Site) -> str:
    """Return the response of an NGINX with these settings, without the version of NGINX."""
    return f"{digest(site)} {engine.VERSION} "


def digest_location(site: Site, suffix: str = "") -> Directive:
    """Make the location of the digest. `return` responds before passwords and address rules of outer levels apply."""
    text = phrase(
        f"{digest_text(site)}$nginx_version{suffix} pid=$pid for=$remote_addr by={_ADDED_BY_PROXIES}"
    )
    return block("location", "=", digest_path(site), inside=[directive("return", 200, text)])


def unresolved_location(site: Site, names: Sequence[str]) -> Iterator[Directive]:
    """Make the location that responds with the first of the names without an address, if there are any."""
    if names:
        inside = [directive("return", 200, phrase(", ".join(names[:3])))]
        yield block("location", "=", unresolved_path(site), inside=inside)
