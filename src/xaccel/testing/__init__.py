"""Assertions on hand-offs and real servers, for tests of downloads.

The servers (NGINX, an S3 server, an application under gunicorn) are context managers: a server is ready when the block
begins, and has ended when the block ends. All its files are in the directory it is given, and the operating system
chooses its ports. The servers are for Linux and need the extra `testing`; the assertions need nothing, so each name is
loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xaccel.servers import ServerFailed as ServerFailed
    from xaccel.servers import ServerMissing as ServerMissing
    from xaccel.servers.app import AppServer as AppServer
    from xaccel.servers.app import app_server as app_server
    from xaccel.servers.nginx_server import NginxServer as NginxServer
    from xaccel.servers.nginx_server import Variant as Variant
    from xaccel.servers.nginx_server import check_config as check_config
    from xaccel.servers.nginx_server import nginx_binaries as nginx_binaries
    from xaccel.servers.nginx_server import nginx_server as nginx_server
    from xaccel.servers.nginx_server import variants as variants
    from xaccel.servers.ports import free_port as free_port
    from xaccel.servers.ports import free_ports as free_ports
    from xaccel.servers.s3 import S3Server as S3Server
    from xaccel.servers.s3 import s3_server as s3_server
    from xaccel.testing.assertions import assert_hand_off as assert_hand_off
    from xaccel.testing.assertions import assert_nothing_leaked as assert_nothing_leaked
    from xaccel.testing.stack import Project as Project
    from xaccel.testing.stack import Stack as Stack
    from xaccel.testing.stack import run_stack as run_stack
else:
    _MODULES = {
        "servers": "ServerFailed ServerMissing",
        "servers.app": "AppServer app_server",
        "servers.nginx_server": "NginxServer Variant check_config nginx_binaries nginx_server variants",
        "servers.ports": "free_port free_ports",
        "servers.s3": "S3Server s3_server",
        "testing.assertions": "assert_hand_off assert_nothing_leaked",
        "testing.stack": "Project Stack run_stack",
    }
    __all__ = sorted(" ".join(_MODULES.values()).split())  # noqa: PLE0605

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names.split():
                found = globals()[name] = getattr(import_module(f"xaccel.{module}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
