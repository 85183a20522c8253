"""The examples, as `scripts/example` runs them."""

from __future__ import annotations

import signal
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from browser_download_filename import suggested_filename

from examples.run import CONTENT, EXAMPLES, HERE, NAMES, OTHERS, OWNED, addresses, example
from tests.live import node
from tests.live.client import ask
from xaccel.servers.processes import wait_until
from xaccel.testing import S3Server, Variant

COMMAND = HERE.parent / "scripts" / "example"


def require_refusals(owned: str) -> None:
    """Ask for the file at `owned` as other users. SeaweedFS reads "//ann/…" as "/ann/…"."""
    parts = urlsplit(owned)
    assert downloaded(owned) == (200, CONTENT)
    first, rest = parts.path[1:].split("/", 1)
    for asked in (
        f"/{first}/{rest}",
        f"/{first}//{rest}",
        f"/{first}//{rest}?user=",
        f"/{first}///{rest}?user=/",
        f"/{first}/./{rest}?user=.",
        f"/{first}/bob/../{rest}?user=bob",
        f"/{first}/bob/../{rest}?user=bob/..",
        f"/{first}/bob/%2e%2e/{rest}?user=bob%2F..",
    ):
        status, body = downloaded(f"http://127.0.0.1:{parts.port}{asked}")
        assert (asked, status >= 300, body == CONTENT) == (asked, True, False)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_owner_gets_the_file_and_others_are_refused(
    name: str, s3: S3Server, some_variant: Variant, tmp_path: Path
) -> None:
    with example(name, tmp_path, s3=s3, variant=some_variant) as stack:
        owned = ask(stack.nginx.port, OWNED, headers={"Accept": "application/pdf"})
        refused = ask(stack.nginx.port, OTHERS)
        assert (owned.status, owned.body) == (200, CONTENT), stack.app.log
        assert (owned.one("Content-Disposition") or "").startswith("attachment;")
        assert suggested_filename(owned.headers, platform="posix") == "minutes + 100%.pdf"
        assert ask(stack.nginx.port, OWNED, "HEAD").status == 200
        assert refused.status == 403
        traces = (b"accel", s3.endpoint.encode(), b"not the owner")
        for reply in (owned, refused):
            assert [trace for trace in traces if trace in reply.everything().lower()] == []
        assert {line["subject"] for line in stack.lines(at_least=2)} == {"ann"}
        require_refusals(f"{stack.url}{OWNED}")


def test_the_example_in_node_refuses_other_users(
    s3: S3Server, some_variant: Variant, unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> None:
    if reason := node.missing():
        unavailable(reason)
    with addresses("node", tmp_path, s3=s3, variant=some_variant) as (owned, _):
        require_refusals(owned)


def test_every_example_is_one_that_the_command_knows() -> None:
    folders = {file.parent.name for kind in ("py", "mjs") for file in HERE.glob(f"*/*.{kind}")} - {"minimal"}
    assert folders == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_prints_an_address_and_ends_at_ctrl_c(
    name: str, some_variant: Variant, unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> None:
    if name == "node" and (reason := node.missing()):
        unavailable(reason)
    out = tmp_path / "out.txt"
    with out.open("w") as log:
        running = subprocess.Popen([COMMAND, name], stdout=log, stderr=subprocess.STDOUT)
    try:
        assert wait_until(lambda: "Ctrl-C" in out.read_text() or running.poll() is not None, timeout_s=60)
        owned, others, _, where = out.read_text().splitlines()
        assert downloaded(owned) == (200, CONTENT)
        assert downloaded(others)[0] in (403, 404)
        assert list(Path(where.split(" are in ")[1].removesuffix(" until Ctrl-C.")).rglob("nginx.conf"))
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130


def downloaded(url: str) -> tuple[int, bytes]:
    """What a person gets who opens an address that the command printed, with the name and password in it."""
    parts = urlsplit(url)
    assert parts.port
    login = {"Authorization": f"Basic {b64encode(f'{parts.username}:{parts.password}'.encode()).decode()}"}
    reply = ask(
        parts.port, f"{parts.path}?{parts.query}".rstrip("?"), headers=login if parts.username else {}
    )
    return reply.status, reply.body
