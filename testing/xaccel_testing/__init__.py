"""Assertions on hand-offs and real servers, for tests of downloads.

The servers (NGINX, an S3 server, an application under gunicorn) are context managers: a server is ready when the block
begins, and has ended when the block ends. All its files are in the directory it is given, and the operating system
chooses its ports. The servers are for Linux and need the extra `testing` of xaccel.
"""

from xaccel.tools.nginx.binaries import nginx_binaries
from xaccel_testing.assertions import assert_hand_off, assert_nothing_leaked
from xaccel_testing.servers import ServerFailed, ServerMissing
from xaccel_testing.servers.app import AppServer, app_server
from xaccel_testing.servers.nginx_server import (
    NginxServer,
    Variant,
    check_config,
    nginx_server,
    variants,
)
from xaccel_testing.servers.ports import free_port, free_ports
from xaccel_testing.servers.s3 import S3Server, s3_server
from xaccel_testing.stack import Project, Stack, run_stack

__all__ = [
    "AppServer",
    "NginxServer",
    "Project",
    "S3Server",
    "ServerFailed",
    "ServerMissing",
    "Stack",
    "Variant",
    "app_server",
    "assert_hand_off",
    "assert_nothing_leaked",
    "check_config",
    "free_port",
    "free_ports",
    "nginx_binaries",
    "nginx_server",
    "run_stack",
    "s3_server",
    "variants",
]
