#!/usr/bin/python3
"""Exit with 0 if the running NGINX has the settings of the site, else 1. It downloads nothing."""

import sys
import urllib.request
from pathlib import Path

from xaccel.nginx.render import digest_path, digest_text
from xaccel.site.read_mapping import site_of

SITE = Path("/etc/xaccel/site.toml")
url, expected = "http://127.0.0.1:8081/alive", "alive"
if SITE.exists():
    site = site_of(str(SITE))
    url, expected = f"http://127.0.0.1:8080{digest_path(site)}", digest_text(site)
try:
    with urllib.request.urlopen(url, timeout=3) as response:  # noqa: S310 (the scheme is http)
        found = response.read().decode()
except OSError as error:
    sys.exit(f"not ready: {url.partition('/_')[0]}: {error}")
if not found.startswith(expected):
    sys.exit("not ready: NGINX runs with other settings than site.toml")
