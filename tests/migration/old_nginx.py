"""An nginx.conf around the locations that each package's own documentation gives."""

from __future__ import annotations

import os

SHAPE = """\
daemon off;
pid nginx.pid;
{user}
worker_processes 1;
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
            proxy_redirect off;
            proxy_pass http://{app};
        }}
        {locations}
    }}
}}
"""

SENDFILE2 = """location /protected/ {{ internal; root {media}; }}"""
"""https://django-sendfile2.readthedocs.io/en/latest/backends.html#nginx-backend"""

PRIVATE_STORAGE = """location /private-x-accel-redirect/ {{ internal; alias {media}/protected/; }}"""
"""The README of django-private-storage, "For Nginx"."""

DOWNLOADVIEW = """charset utf-8;
        location /optimized-download/ {{ internal; alias {media}/protected/; }}
        location /optimized-remote/ {{
            internal;
            proxy_set_header Host {s3};
            proxy_pass http://{s3}/{bucket}/;
        }}"""
"""https://django-downloadview.readthedocs.io/en/latest/optimizations/nginx.html, which has nothing for remote files:
the second location is what its rule with a `source_url` needs."""


def text(locations: str, port: int, app: str, **values: str) -> str:
    """The whole configuration; `locations` is one of the above."""
    user = "user root;" if os.geteuid() == 0 else ""
    return SHAPE.format(user=user, port=port, app=app, locations=locations.format(**values))
