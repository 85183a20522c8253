"""An upload over HTTPS by curl, as the page shows it: Django requires the page's own address in the header Referer."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

from tests.conftest import on_one_build
from tests.live.front.front_door import certify, listening
from tests.live.front.transfer import NAME
from tests.live.uploads.scene import scene
from xaccel_testing import S3Server, Variant, free_port

pytestmark = on_one_build


def test_curl_needs_the_referer_over_https(variant: Variant, s3: S3Server, tmp_path: Path) -> None:
    ca_file, port, token = certify(tmp_path), free_port(), secrets.token_hex(16)
    report = tmp_path / "report.pdf"
    report.write_bytes(b"a report")
    url = f"https://{NAME}:{port}/files/"

    def status(*more: str) -> str:
        headers = ["-H", "Content-Type: application/pdf", "-H", f"X-CSRFToken: {token}"]
        known = ["--cacert", str(ca_file), "--resolve", f"{NAME}:{port}:127.0.0.1", "--noproxy", "*"]
        command = ["curl", "-sS", "-T", str(report), "-b", f"csrftoken={token}", *headers, *known, *more, url]
        done = subprocess.run(
            [*command, "-o", str(tmp_path / "response"), "-w", "%{http_code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    extra = [each for each in listening(port, tmp_path, quic=False) if each.name != "http2"]
    with scene(tmp_path, variant, s3, extra_server=extra) as site:
        assert (status(), site.objects()) == ("403", {})
        assert (status("-e", f"https://other.example:{port}/"), site.objects()) == ("403", {})
        assert (status("-e", f"https://{NAME}:{port}/"), [*site.objects().values()]) == ("201", [8])
