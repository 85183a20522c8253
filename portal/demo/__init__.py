"""The whole thing on real servers: NGINX, an S3 server and the portal, with sample users and files.

`scripts/demo` runs it as `python -m portal.demo`.
"""
