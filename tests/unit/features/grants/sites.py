"""The site of the unit tests of grants."""

from __future__ import annotations

from typing import Any

from xaccel import HandOff, Options
from xaccel.adapters.base import ClientRequest, answer_of
from xaccel.features.grants.grant import make_grant
from xaccel.site import Site, read_mapping
from xaccel.site.keys import nginx_token

SECRET = "grant-0123456789-abcdefghijklmnopqrstuvwxyz"
SESSION = "0123456789abcdef"
KEYS = {"access_key": "AKIA", "secret_key": "s", "region": "us-east-1", "endpoint_url": "https://s3.example"}
SITE: dict[str, Any] = {
    "SECRET": SECRET,
    "ORIGINS": {
        "media": {"type": "local", "root": "/srv"},
        "web": {"type": "http", "base_url": "https://files.example/x/"},
        "bucket": {"type": "s3", "bucket": "files", **KEYS},
        "tenants": {"type": "s3", "bucket": "acme-*", **KEYS, "addressing_style": "path"},
        "signed": {"type": "http", "base_url": "https://files.example/", "expires_s": 60},
    },
    "GRANTS": {"app": "127.0.0.1:8000", "paths": ["/files/"], "folders": ["/files/*/"], "cookie": "sid"},
}


def site(**grants: Any) -> Site:
    return read_mapping.read({**SITE, "GRANTS": {**SITE["GRANTS"], **grants}})


def headers_for_nginx(
    made: Site, hand_off: HandOff, options: Options, address: str, token: str = SECRET
) -> dict[str, str]:
    """Return the headers of the response to NGINX, which asks for this address with a token of the secret."""
    request = ClientRequest("GET", {}, nginx_token(token), None, address)
    return dict(answer_of(made, hand_off, request, debug=False, grant=make_grant(made, options)).headers)
