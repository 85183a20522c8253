"""The doctor reports nothing about a healthy site, on each variant of NGINX, and the pages show what it prints."""

from __future__ import annotations

import json

from tests.conftest import on_all_builds
from tests.doctor.stage import ROOT, SECRET, Stage


@on_all_builds
def test_a_healthy_site_has_no_finding(healthy: Stage) -> None:
    status, printed = healthy.doctor("--json")
    report = json.loads(printed)
    assert {one["id"]: one["evidence"] for one in report["results"] if one["status"] != "ok"} == {}
    assert status == report["exit_status"] == 0
    assert report["schema_version"] == 1
    for page in ("doctor", "production"):
        summary = f"xaccel doctor: {len(report['results'])} fine"
        assert summary in (ROOT / f"docs/operate/{page}.md").read_text(encoding="utf-8")
    for secret in (SECRET, healthy.backends.s3.secret_key, "Bearer partner", "X-Amz-Signature"):
        assert secret not in printed
