"""A revocation counts however many others there are, on each of two NGINX, and after a restart.

`scripts/test soak grants` makes 200,000 of them.
"""

from __future__ import annotations

import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.live.grants.scene import BODY, SECRET, Scene, scene
from xaccel.features.grants.revoke import Revocation
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel_testing import Variant, nginx_server

MAX_THREADS = 4
NGINXES = 2


def flood(made: Scene, number: int) -> None:
    """Revoke random keys, on kept connections, as fast as NGINX takes them."""
    headers = {TOKEN_HEADER: nginx_token(SECRET), "Content-Length": "0"}
    with closing(HTTPConnection("127.0.0.1", made.port, timeout=60)) as connection:
        for _ in range(number):
            connection.request("POST", f"/_xaccel/.revoke/{secrets.token_hex(32)}", headers=headers)
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"revoked")


@pytest.mark.parametrize("number", [1000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_a_revocation_outlives_many_others(variant: Variant, tmp_path: Path, number: int) -> None:
    with ExitStack() as stack:
        made = [stack.enter_context(scene(tmp_path / str(each), variant)) for each in range(NGINXES)]
        sessions = [each.user("revoked", "a") for each in made]
        for each, session in zip(made, sessions, strict=True):
            assert each.get("/files/media/a", session).body == BODY
            each.may.clear()
        assert made[0].site.grants is not None
        urls = tuple(f"http://127.0.0.1:{each.port}" for each in made)
        both = replace(made[0].site, grants=replace(made[0].site.grants, nginx=urls))
        assert Revocation(both, user="revoked").send()
        with ThreadPoolExecutor(MAX_THREADS) as threads:
            list(
                threads.map(
                    lambda turn: flood(made[turn % NGINXES], number // MAX_THREADS), range(MAX_THREADS)
                )
            )
        for each, session in zip(made, sessions, strict=True):
            assert {each.get("/files/media/a", session).status for _ in range(3)} == {403}
            marks = len(list(Path(f"{each.site.grants_folder}-revoked").iterdir()))
            assert marks == number // NGINXES + 1
        print(f"{number} revocations on {NGINXES} NGINX: a revoked user got nothing")
        last = made[0]
        for pid in last.nginx.pids:
            os.kill(pid, signal.SIGKILL)
        with nginx_server(last.nginx.directory, last.text, binary=variant.binary, ready_port=last.port):
            assert last.get("/files/media/a", sessions[0]).status == 403
