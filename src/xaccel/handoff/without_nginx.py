"""The page for a client that asked the app itself, in debug mode: no worker of a deployment loads it."""

from __future__ import annotations

from xaccel.handoff.headers import Answer, plain_response

TEXT = """\
This response is for NGINX; run `xaccel serve`.

The app allowed this download, but NGINX sends the file, and your request reached the app without NGINX.
In development, start `xaccel serve` beside the app, and open the address that it prints:

    python manage.py xaccel serve                            (Django)
    python -m xaccel serve site.toml --app 127.0.0.1:8000    (other frameworks)

If your own NGINX is in front of this app in debug mode, include the file secret-debug.conf of your site in the location
of the app. If the secret of the site has changed: restart the app, generate the configuration, and reload NGINX.
"""


def page(method: str | None) -> Answer:
    """Return the page, with status 501."""
    return plain_response(501, method, TEXT)
