"""Real servers for tests and demonstrations: NGINX, an S3 server, PostgreSQL, an application under gunicorn.

Each is a context manager. Every file of a server lies in the directory it is given, its ports come from the
operating system, it is ready when the block begins and nothing of it runs when the block has ended.
Linux only; needs the extra `testing`.
"""

from xaccel.testing.app import AppServer, app_server
from xaccel.testing.errors import ServerFailed, ServerMissing
from xaccel.testing.nginx import NginxServer, check_config, nginx_server
from xaccel.testing.origin import Answer, Origin, Request, origin_server
from xaccel.testing.ports import free_port, free_ports
from xaccel.testing.postgres import PostgresServer, postgres_server
from xaccel.testing.s3 import S3Server, s3_server
from xaccel.testing.variants import Variant, nginx_binaries, variants

__all__ = [
    "Answer",
    "AppServer",
    "NginxServer",
    "Origin",
    "PostgresServer",
    "Request",
    "S3Server",
    "ServerFailed",
    "ServerMissing",
    "Variant",
    "app_server",
    "check_config",
    "free_port",
    "free_ports",
    "nginx_binaries",
    "nginx_server",
    "origin_server",
    "postgres_server",
    "s3_server",
    "variants",
]
