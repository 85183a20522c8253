"""A digest of a site's settings, and where a running NGINX shows the digest of the settings that it has.

It is a separate file, since the generated site, the doctor and the probes of containers must agree on it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json

from xaccel.nginx.emit import Directive, block, directive, phrase
from xaccel.nginx.engine_files import VERSION
from xaccel.site import Site

SERVED = " by xaccel serve"
"""Ends the text of an NGINX whose configuration is not the one on disk."""


def digest(site: Site) -> str:
    """Return a digest of the settings, without secrets and the version of xaccel."""
    values = dataclasses.asdict(site)
    del values["secrets"]
    for name, origin in site.origins.items():
        kept = dict(values["origins"][name])
        kept["request_headers"] = sorted(kept.get("request_headers", ()))
        values["origins"][name] = [type(origin).__name__, kept]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_path(site: Site) -> str:
    """Return the path of the location that responds with the digest.

    Nobody can guess it: it is made from the secrets, and does not reveal them. Other secrets have another path.
    """
    key = "|".join(site.secrets).encode()
    return f"{site.internal_prefix}{hmac.new(key, b'xaccel settings', hashlib.sha256).hexdigest()[:32]}"


def digest_text(site: Site) -> str:
    """Return what a running NGINX with these settings responds, up to its own version."""
    return f"{digest(site)} {VERSION} "


def digest_location(site: Site, suffix: str = "") -> Directive:
    """Print the location. `return` ends a request before passwords and address rules of outer levels apply."""
    text = phrase(f"{digest_text(site)}$nginx_version{suffix}")
    return block("location", "=", digest_path(site), inside=[directive("return", 200, text)])
