"""The examples, as `scripts/example` runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from browser_download_filename import suggested_filename

from examples.run import CONTENT, EXAMPLES, HERE, OTHERS, OWNED, example
from tests.live.client import ask
from xaccel.testing import S3Server, Variant
from xaccel.testing.processes import wait_until

pytestmark = pytest.mark.adapters


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_owner_gets_the_file_and_another_is_refused(
    name: str, s3: S3Server, some_variant: Variant, tmp_path: Path
) -> None:
    with example(name, tmp_path, s3=s3, variant=some_variant) as stack:
        owned = ask(stack.nginx.port, OWNED, headers={"Accept": "application/pdf"})
        refused = ask(stack.nginx.port, OTHERS)
        assert (owned.status, owned.body) == (200, CONTENT), stack.app.log
        assert suggested_filename(owned.headers, platform="posix") == "minutes + 100%.pdf"
        assert ask(stack.nginx.port, OWNED, "HEAD").status == 200
        assert refused.status == 403
        for reply in (owned, refused):
            assert not [
                trace for trace in ("Xaccel", "X-Accel", s3.endpoint) if trace.encode() in reply.everything()
            ]


def test_every_example_is_one_that_the_command_knows() -> None:
    folders = {file.parent.name for file in HERE.glob("*/*.py")} - {"minimal"}
    assert folders == set(EXAMPLES)


def test_the_command_prints_an_address_and_ends_at_ctrl_c(some_variant: Variant, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with out.open("w") as log:
        running = subprocess.Popen(
            [sys.executable, HERE / "run.py", "wsgi"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        assert wait_until(lambda: "Ctrl-C" in out.read_text() or running.poll() is not None, timeout_s=60)
        first = out.read_text().splitlines()[0]
        port, target = first.removeprefix("http://127.0.0.1:").split("/", 1)
        assert ask(int(port), f"/{target}").body == CONTENT
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130
