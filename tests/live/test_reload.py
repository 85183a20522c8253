"""A reload while a download is under way."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import Reply
from tests.live.stage import line_where, stage
from tests.servers.origin import Answer, origin_server
from xaccel.audit.log.entry import LogEntry, read_entry
from xaccel.nginx.engine_files import SHUTDOWN
from xaccel.servers.processes import wait_until
from xaccel.testing import Variant

RATE = 200_000


def reloaded(variant: Variant, folder: Path, *, seconds: int, timeout: str) -> tuple[list[Reply], LogEntry]:
    """Reload while a download of `seconds` runs; return the response, if it was whole, and the row."""
    body = b"x" * (RATE * seconds)
    replies: list[Reply] = []
    with (
        origin_server(lambda _: Answer(body=body)) as origin,
        stage(folder, variant, {"store": {"base_url": f"{origin.url}/"}}) as running,
    ):
        text = (folder / "nginx.conf").read_text()
        assert f"worker_shutdown_timeout {SHUTDOWN};" in text
        running.nginx.reload(text.replace(f"timeout {SHUTDOWN};", f"timeout {timeout};"))

        def download() -> None:
            try:
                replies.append(running.get("store", options={"limit_rate": RATE}))
            except (http.client.IncompleteRead, ConnectionError):
                return

        client = threading.Thread(target=download)
        client.start()
        assert wait_until(lambda: bool(origin.requests), timeout_s=10)
        running.nginx.reload(text)
        client.join(timeout=seconds + 30)
        line: dict[str, Any] = line_where(running.nginx, "id", running.hand_offs[0].transfer_id)
    row = read_entry(json.dumps(line).encode())
    assert isinstance(row, LogEntry)
    assert [reply.body == body for reply in replies] == [True] * len(replies)
    return replies, row


def test_the_row_of_a_download_that_a_reload_cut_blames_nobody(variant: Variant, tmp_path: Path) -> None:
    replies, row = reloaded(variant, tmp_path, seconds=6, timeout="1s")
    assert replies == []
    assert (row.outcome, row.why, row.details.completion) == ("incomplete", "client_or_nginx", "")


@pytest.mark.slow
def test_a_download_goes_on_for_longer_than_half_a_minute_after_a_reload(
    variant: Variant, tmp_path: Path
) -> None:
    replies, row = reloaded(variant, tmp_path, seconds=35, timeout=SHUTDOWN)
    assert len(replies) == 1
    assert (row.outcome, row.why) == ("sent", "")
