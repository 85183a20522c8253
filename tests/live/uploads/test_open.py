"""Uploads that many clients begin and never end: others go on meanwhile, and the sweep leaves nothing of them.

`scripts/test soak uploads` has 10,000.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.uploads.parts import Client
from tests.live.uploads.scene import Browser, scene
from xaccel_testing import S3Server, Variant

pytestmark = pytest.mark.variants("deb-njs")  # the app counts
SOAK = 10_000


@pytest.mark.parametrize("number", [60, pytest.param(SOAK, marks=pytest.mark.slow)])
def test_open_uploads_stop_no_other_user_and_leave_nothing(
    tmp_path: Path, variant: Variant, s3: S3Server, number: int
) -> None:
    """Each of ten users has as many as `at_once` allows."""
    limits = {"resumable": "draft-15", "part_size": "5m", "at_once": number // 10}
    with scene(tmp_path, variant, s3, uploads=limits) as site:
        browser = Browser(site)

        def begin(index: int) -> int:
            return Client(browser, f"user-{index % 10}").begin().status

        with ThreadPoolExecutor(8) as threads:
            statuses = Counter(threads.map(begin, range(number)))
        assert statuses == {201: number}
        assert begin(0) == 429
        assert browser.put(b"of another user", user="alice").status == 201
        # the first sweep gives them up, the second one deletes what they left
        sweeps = "call_command('xaccel', 'sweep', '--older', '0', verbosity=0)\n" * 2
        site.in_project(sweeps, timeout_s=1800)  # 10,000 take about five minutes on two cores
        assert "Uploads" not in site.s3.client().list_multipart_uploads(Bucket=site.bucket)
        assert [*site.objects().values()] == [len(b"of another user")]
        assert begin(0) == 201
