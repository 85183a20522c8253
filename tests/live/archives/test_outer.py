"""What an operator sets for all servers changes no archive, and his limits do not count the assembler's requests."""

from __future__ import annotations

from pathlib import Path

from tests.live.archives.scene import filled, scene
from tests.live.conftest import build_of
from tests.live.front.guest import AWKWARD, AWKWARD_DEB, AWKWARD_WHEEL, operators_text
from xaccel.tools.nginx import render
from xaccel_testing import S3Server, Variant, nginx_server

LIMITS = """
    map $server_addr $everywhere { default all; }
    limit_req_zone $everywhere zone=of_all:1m rate=1r/m; limit_req zone=of_all;
    limit_conn_zone $everywhere zone=connections:1m; limit_conn connections 1;
    proxy_method POST; proxy_pass_request_headers on; proxy_socket_keepalive off;
"""


def test_an_archive_is_whole_whatever_the_operator_set(
    tmp_path: Path, variant: Variant, s3: S3Server
) -> None:
    own = AWKWARD + (AWKWARD_DEB if variant.name.startswith("deb") else AWKWARD_WHEEL)
    with scene(tmp_path / "site", variant, s3) as running:
        archives, port = filled(running), running.nginx.port
        write = operators_text(
            variant, http=own + LIMITS, server="limit_req_dry_run on; limit_conn_dry_run on;"
        )
        text = write(render(archives.site, build_of(variant)), port, archives.app.address)
        archives.nginx.server._stop(15, 5)
        with nginx_server(tmp_path / "operators", text, binary=variant.binary, ready_port=port):
            for name in ("mixed", "large"):
                whole = archives.expected(name)
                for _ in range(2):
                    came = archives.get(name)
                    assert (came.status, came.is_cut, came.body == whole) == (200, False, True)
                came = archives.get(name, headers={"Range": "bytes=100-"})
                assert (came.status, came.body == whole[100:]) == (206, True)
