"""The whole thing on real servers: NGINX, an S3 server and the portal, with people and files to try.

`scripts/demo` runs it as `python -m portal.demo`.
"""
