"""Warn of settings that are valid and mostly a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from xaccel.errors import ConfigError
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, S3Origin
from xaccel.site.rules import is_address


def relative_log(site: Site) -> Iterator[ConfigError]:
    """Warn of a TRANSFER_LOG below NGINX's prefix: right only where the prefix is the site's own (`nginx -p`)."""
    if not PurePosixPath(site.transfer_log).is_absolute():
        yield ConfigError(
            f"{site.transfer_log!r} is relative to NGINX's prefix, on Debian /usr/share/nginx, where"
            " logrotate does not look",
            where="TRANSFER_LOG",
            remedy='Give an absolute path, for example "/var/log/xaccel/transfers.log".',
        )


def address_over_tls(site: Site) -> Iterator[ConfigError]:
    """Tell of https origins that are named by an IP address: NGINX ignores the IP addresses of a certificate."""
    for name, origin in site.origins.items():
        if isinstance(origin, HTTPOrigin):
            option, url = "base_url", origin.base_url
        elif isinstance(origin, S3Origin) and origin.endpoint_url:
            option, url = "endpoint_url", origin.endpoint_url
        else:
            continue
        parts = urlsplit(url)
        if parts.scheme == "https" and origin.verify_tls and is_address(parts.hostname or ""):
            yield ConfigError(
                f"{url!r} names its host by an IP address, and NGINX compares only the DNS names and the"
                " common name of a certificate",
                where=f'ORIGINS["{name}"] {option}',
                remedy="Put a name of the certificate into the URL and the address into `connect_to`, unless the"
                " certificate has the address as its common name.",
            )
