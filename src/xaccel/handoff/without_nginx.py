"""Recognise the site's NGINX in debug mode, and write the page for a client that asked the app itself.

NGINX sends the app a token made from the site's secret, so no client knows it. It replaces the header if a client sends
one. `xaccel serve` and `xaccel config --standalone` set the header. An app that is not in debug mode never reads it,
so it is a separate file.
"""

from __future__ import annotations

import hmac

from xaccel.handoff.headers import Answer, plain_response
from xaccel.site.site import Site, nginx_token

TEXT = """\
This response is for NGINX; run `xaccel serve`.

The app allowed this download, but NGINX sends the file, and your request reached the app without NGINX.
In development, start `xaccel serve` beside the app, and open the address that it prints:

    python manage.py xaccel serve                            (Django)
    python -m xaccel serve site.toml --app 127.0.0.1:8000    (other frameworks)

If your own NGINX is in front of this app in debug mode, include the file secret-debug.conf of your site in the location
of the app. If the secret of the site has changed: restart the app, generate the configuration, and reload NGINX.
"""


def is_from_nginx(site: Site, token: str, purpose: str = "nginx") -> bool:
    """Tell whether a request with this token came through the site's NGINX; that of TOKEN_HEADER has no purpose."""
    given = token.encode("utf-8", "replace")
    tokens = (nginx_token(secret, purpose).encode() for secret in site.secrets)
    return any(hmac.compare_digest(given, each) for each in tokens)


def page(method: str | None) -> Answer:
    """Return the page, with status 501."""
    return plain_response(501, method, TEXT)
