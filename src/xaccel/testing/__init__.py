"""For tests of downloads: assertions on a hand-off, and real servers.

The servers (NGINX, an S3 server, an application under gunicorn) are context managers. Every file of a
server lies in the directory it is given, its ports come from the operating system, it is ready when the block begins
and nothing of it runs when the block has ended. They are for Linux, and need the extra `testing`; the assertions need
nothing. So each name is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xaccel.servers.app import AppServer, app_server
    from xaccel.servers.errors import ServerFailed, ServerMissing
    from xaccel.servers.nginx import NginxServer, check_config, nginx_server
    from xaccel.servers.nginx_builds import Variant, nginx_binaries, variants
    from xaccel.servers.ports import free_port, free_ports
    from xaccel.servers.s3 import S3Server, s3_server
    from xaccel.testing.assertions.hand_off import assert_hand_off
    from xaccel.testing.assertions.leaks import assert_nothing_leaked
    from xaccel.testing.stack import Project, Stack, run_stack
else:
    _MODULES = {
        "servers.app": ("AppServer", "app_server"),
        "servers.errors": ("ServerFailed", "ServerMissing"),
        "testing.assertions.hand_off": ("assert_hand_off",),
        "testing.assertions.leaks": ("assert_nothing_leaked",),
        "servers.nginx": ("NginxServer", "check_config", "nginx_server"),
        "servers.ports": ("free_port", "free_ports"),
        "servers.s3": ("S3Server", "s3_server"),
        "testing.stack": ("Project", "Stack", "run_stack"),
        "servers.nginx_builds": ("Variant", "nginx_binaries", "variants"),
    }

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                found = globals()[name] = getattr(import_module(f"xaccel.{module}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
