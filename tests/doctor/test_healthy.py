"""The doctor says nothing frightening about a healthy site, on each variant of NGINX."""

from __future__ import annotations

import json

from tests.doctor.stage import SECRET, Stage
from xaccel.nginx import advisories, probe


def test_a_healthy_site_has_nothing_but_the_known_vulnerabilities_of_its_nginx(healthy: Stage) -> None:
    binary = healthy.variant.binary
    warning = advisories.warning(probe(binary).version, advisories.package_of(binary), asked=True)
    status, printed = healthy.doctor("--json")
    report = json.loads(printed)
    assert {
        one["id"]: one["evidence"] for one in report["results"] if one["status"] not in ("ok", "skipped")
    } == ({"XA202": [warning]} if warning else {})
    assert status == report["exit_status"] == 0
    assert report["schema_version"] == 1
    assert {one["id"]: one["evidence"] for one in report["results"] if one["status"] == "skipped"} == {}
    for secret in (SECRET, healthy.backends.s3.secret_key, "Bearer partner", "X-Amz-Signature"):
        assert secret not in printed
