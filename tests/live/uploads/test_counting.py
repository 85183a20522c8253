"""Quotas are exact and each upload is settled once, on both databases."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.commands import python
from tests.live.uploads.scene import Browser, scene
from tests.servers.postgres import postgres_server
from tests.servers.started import started
from xaccel_testing import S3Server, Variant


@pytest.mark.parametrize("limit", ["", "site_bytes_a_day", "site_at_once"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_quota_is_exact_and_each_upload_is_settled_once(tmp_path: Path, kind: str, limit: str) -> None:
    """The limits of all accounts together are as exact. An upload that ends makes room for another one."""
    if kind == "sqlite":
        found = run(str(tmp_path / "db.sqlite3"), limit)
    else:
        with started(postgres_server(tmp_path), pytest.skip) as server:
            found = run(server.dsn, limit)
    assert found == {"accepted": 10, "more": int(limit == "site_at_once"), "all": True, "calls": 1}


@pytest.mark.slow
@pytest.mark.variants("deb-njs")  # the app counts
def test_100_clients_at_once_store_no_byte_over_the_quota(
    tmp_path: Path, variant: Variant, s3: S3Server
) -> None:
    """Ten uploads of each, of all sizes, with room for a third of them; then the room that is left is filled."""
    with scene(tmp_path, variant, s3, uploads={"at_once": 1000}) as site:
        client, sizes = Browser(site), [number * 37 + 1 for number in range(1000)]
        room = sum(sizes) // 3

        def put(size: int) -> int:
            return client.put(bytes(size), path=f"/files/{size}?quota={room}").status

        with ThreadPoolExecutor(100) as threads:
            statuses = Counter(threads.map(put, sizes))
        stored = sum(site.objects().values())
        print(f"responses: {dict(statuses)}; {stored:,} of {room:,} bytes")
        assert statuses.keys() == {201, 507}
        assert stored <= room
        assert put(room - stored + 1) == 507
        assert put(room - stored) == 201
        assert (sum(site.objects().values()), put(1)) == (room, 507)


def run(*arguments: str) -> object:
    return json.loads(python("-m", "tests.live.uploads.counting", *arguments))
