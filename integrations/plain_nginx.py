"""An nginx.conf without xaccel: a proxy to the app, with the locations that a package's documentation gives."""

from __future__ import annotations

import os

_SHAPE = """\
daemon off;
pid nginx.pid;
{user}
events {{}}
http {{
    client_body_temp_path tmp/client_body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    scgi_temp_path tmp/scgi;
    uwsgi_temp_path tmp/uwsgi;
    access_log access.log;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_pass http://{app};
        }}
        {locations}
    }}
}}
"""


def text(port: int, app: str, locations: str = "") -> str:
    """Return the whole configuration. app: host and port."""
    user = "user root;" if os.geteuid() == 0 else ""
    return _SHAPE.format(user=user, port=port, app=app, locations=locations)
