"""The examples, as `scripts/example` runs them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from browser_download_filename import suggested_filename

from examples.run import CONTENT, HERE, NAMES
from tests.live.client import Reply, ask
from tests.live.examples import node
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

COMMAND = HERE.parent / "scripts" / "example"


def require_refusals(owned: str) -> None:
    """Ask for the file at `owned` as other users. SeaweedFS reads "//ann/…" as "/ann/…"."""
    parts = urlsplit(owned)
    first, rest = parts.path[1:].split("/", 1)
    for target in (
        f"/{first}/{rest}",
        f"/{first}//{rest}",
        f"/{first}//{rest}?user=",
        f"/{first}///{rest}?user=/",
        f"/{first}/./{rest}?user=.",
        f"/{first}/bob/../{rest}?user=bob",
        f"/{first}/bob/../{rest}?user=bob/..",
        f"/{first}/bob/%2e%2e/{rest}?user=bob%2F..",
    ):
        reply = asked(f"http://127.0.0.1:{parts.port}{target}")
        assert (target, reply.status >= 300, reply.body == CONTENT) == (target, True, False)


def test_every_example_is_one_that_the_command_knows() -> None:
    folders = {file.parent.name for kind in ("py", "mjs") for file in HERE.glob(f"*/*.{kind}")} - {
        "minimal",
        "zip",
    }
    assert folders == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_prints_an_address_and_ends_at_ctrl_c(
    name: str, some_variant: Variant, unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> None:
    """The address sends the file to its owner, and to nobody else."""
    if name == "node" and (reason := node.missing()):
        unavailable(reason)
    out = tmp_path / "out.txt"
    with out.open("w") as log:
        running = subprocess.Popen([COMMAND, name], stdout=log, stderr=subprocess.STDOUT)
    try:
        assert wait_until(lambda: "Ctrl-C" in out.read_text() or running.poll() is not None, timeout_s=60)
        owned, others, _, where = out.read_text().splitlines()
        files = Path(where.split(" are in ")[1].removesuffix(" until Ctrl-C."))
        require_a_download(name, owned, others, files)
        require_refusals(owned)
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 130


def require_a_download(name: str, owned: str, others: str, files: Path) -> None:
    sent, head, refused = asked(owned, Accept="application/pdf"), asked(owned, "HEAD"), asked(others)
    assert (sent.status, sent.body) == (200, CONTENT), [log.read_text() for log in files.rglob("app.log")]
    assert (sent.one("Content-Disposition") or "").startswith("attachment;")
    status, title, subject = (
        (404, "Minutes _final_ 四半期.pdf", "reader")
        if name == "node"
        else (403, "minutes + 100%.pdf", "ann")
    )
    assert suggested_filename(sent.headers, platform="posix") == title
    assert (head.status, refused.status) == (200, status)
    [configuration] = files.rglob("nginx.conf")
    servers = {*re.findall(r"127\.0\.0\.1:[0-9]+", configuration.read_text())}
    assert len(servers) >= 2
    for reply in (sent, refused):
        traces = ("accel", "not the owner", *servers)
        assert [trace for trace in traces if trace.encode() in reply.everything().lower()] == []
    entries = configuration.with_name("xaccel.log")
    assert wait_until(lambda: entries.read_text().count("\n") >= 2, timeout_s=60)
    assert {json.loads(line)["subject"] for line in entries.read_text().splitlines()} == {subject}


def asked(url: str, method: str = "GET", **headers: str) -> Reply:
    """What a person gets who opens an address that the command printed, with the name and password in it."""
    parts = urlsplit(url)
    assert parts.port
    if parts.username:
        login = b64encode(f"{parts.username}:{parts.password}".encode())
        headers = {**headers, "Authorization": f"Basic {login.decode()}"}
    return ask(parts.port, f"{parts.path}?{parts.query}".rstrip("?"), method, headers)
