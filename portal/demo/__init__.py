"""The whole thing on real servers: NGINX, an S3 server and the portal, with sample users and files.

`xaccel demo` runs it as `python -m portal.demo`, from the distribution xaccel-portal or from a clone.
"""
