"""The locations that each package's own documentation gives."""

from __future__ import annotations

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
