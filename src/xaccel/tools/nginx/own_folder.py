"""Adapt the settings of a site to an NGINX that `serve` or `run` starts: all its files are in one folder."""

from __future__ import annotations

from dataclasses import replace

from xaccel.site import Site
from xaccel.tools.nginx.digest import SERVED, digest_location
from xaccel.tools.nginx.render import Parts


def in_own_folder(
    site: Site, *, app: str, transfer_log: str, access_logs: tuple[str, ...] = (), grants: str
) -> Site:
    """Return the site with its cache and logs below the folder of NGINX, and with the address of the app.

    app: "address:port" or "unix:/path". transfer_log: a path, relative to the folder. grants: the folder of grants.
    """
    return replace(
        site,
        transfer_log=transfer_log,
        access_logs=access_logs,
        cache=replace(site.cache, path="cache") if site.cache else None,
        archives=replace(site.archives, app=app, log="members.log") if site.archives else None,
        uploads=replace(site.uploads, app=app) if site.uploads else None,
        grants=replace(site.grants, app=app, folder=grants) if site.grants else None,
    )


def with_digest_of(site: Site, served: Site, parts: Parts) -> Parts:
    """Return the parts of `served` with the digest of the project's own settings, which the doctor compares."""
    own, other = digest_location(site, SERVED), digest_location(served)
    return replace(parts, server=tuple(own if each == other else each for each in parts.server))
