"""A download continues byte by byte after NGINX and the app were killed; conditions are those of RFC 9110."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.archives.scene import BODY, Scene, filled, scene
from xaccel_testing import S3Server, Variant, nginx_server
from xaccel_testing.servers.processes import wait_until


def test_conditions_and_ranges_are_those_of_a_file(archives: Scene) -> None:
    tag, size = archives.layout("mixed").etag, archives.layout("mixed").size
    for headers, status in (
        ({"Range": "bytes=5-9", "If-Range": tag}, 206),
        ({"Range": "bytes=5-9", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=5-9", "If-Range": f"W/{tag}"}, 200),
        ({"Range": f"bytes={size}-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=0-1,5-6"}, 200),
        ({"Range": "bytes=9-5"}, 200),
        ({"If-None-Match": tag}, 304),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": tag}, 200),
    ):
        came = archives.get("mixed", headers=headers)
        assert came.status == status, headers
        if status == 200:
            assert came.body == archives.expected("mixed")
        if status == 416:
            assert came.headers["Content-Range"] == f"bytes */{size}"


def test_a_resume_of_another_selection_starts_again(archives: Scene) -> None:
    rows = archives.rows["mixed"][:5]
    archives.archive("changes", rows)
    tag = archives.layout("changes").etag
    archives.archive("changes", rows[:4])
    came = archives.get("changes", headers={"Range": "bytes=9-", "If-Range": tag})
    assert (came.status, came.body) == (200, archives.expected("changes"))


def is_killed(archives: Scene) -> bool:
    """Kill NGINX and the app; tell whether all their processes have gone, also those that began meanwhile."""
    pids = [*archives.nginx.pids, *archives.app.pids]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return not pids


@pytest.mark.variants("deb-njs")  # what continues is the client; each build has the same ranges
def test_a_download_continues_after_nginx_and_the_app_were_killed(
    tmp_path: Path, variant: Variant, s3: S3Server
) -> None:
    with scene(tmp_path / "site", variant, s3) as running:
        archives = filled(running)
        row = archives.put("long", BODY, origin="media")
        archives.archive("long", [row._replace(name=f"long/{number}") for number in range(250)])
        expected, file = archives.expected("long"), tmp_path / "long.zip"
        curl = ["curl", "-sS", "-o", str(file), f"http://127.0.0.1:{archives.nginx.port}/zip/long"]
        started = subprocess.Popen([*curl, "--limit-rate", "4M"])
        assert wait_until(lambda: file.exists() and file.stat().st_size > 4 << 20, timeout_s=60)
        assert wait_until(lambda: is_killed(archives), timeout_s=60)
        assert started.wait(60) == 18
        assert 0 < file.stat().st_size < len(expected)
        with (
            archives.app_again() as app,
            nginx_server(
                tmp_path / "again",
                archives.text.replace(archives.app.address, app.address),
                binary=variant.binary,
                ready_port=archives.nginx.port,
            ),
        ):
            assert subprocess.run([*curl, "-C", "-"], check=False, timeout=120).returncode == 0
        assert file.read_bytes() == expected
