"""The trail knows what of an archive was sent to whom, from NGINX's logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.archives.scene import Scene, in_project

ASK = """
import json
from xaccel.audit.archives import deliveries_of, members_of
from xaccel.audit.models import Download, FailedMember

call_command("xaccel", "ingest", {log!r}, "--quiet")
download = Download.objects.filter(subject={subject!r}).order_by("opened_at").last()
receipt = members_of(download)
who = sorted({{one.download.subject for one in deliveries_of(receipt[1].origin, receipt[1].key)}})
failed = list(FailedMember.objects.values_list("transfer", "number"))
joined = [number for transfer, number in failed if str(transfer)[-12:] != "0" * 12]
print(json.dumps([[(one.sent, one.whole) for one in receipt], download.sent_bytes, who, joined]))
"""

Ask = Callable[[str], tuple[list[list[Any]], int, list[str], list[int]]]


@pytest.fixture
def ask(archives: Scene) -> Ask:
    """Ingests both logs, and returns the receipt of a user, the bytes sent, who got its second member, and failures."""

    def found(subject: str) -> tuple[list[list[Any]], int, list[str], list[int]]:
        code = ASK.format(log=str(archives.nginx.directory / "xaccel.log"), subject=subject)
        receipt, sent, who, failed = json.loads(in_project(archives.folder, code))
        return receipt, sent, who, failed

    return found


@pytest.mark.parametrize("name", ["mixed", "large"])
def test_the_sums_of_the_members_equal_the_bytes_sent(archives: Scene, ask: Ask, name: str) -> None:
    subject, layout = f"reader-{name}", archives.layout(name)
    middle = layout[5].data + layout[5].size // 2
    for spelled in (f"bytes=0-{middle - 1}", f"bytes={middle}-"):
        assert archives.get(name, headers={"X-User": subject, "Range": spelled}).status == 206
    receipt, sent, who, _ = ask(subject)
    assert receipt == [[one.size, True] for one in layout]
    assert sent == layout.size
    assert subject in who


def test_a_member_that_broke_the_archive_was_not_delivered(archives: Scene, ask: Ask) -> None:
    rows = [archives.put(f"trail/{number}", bytes([number]) * 90_000) for number in range(4)]
    archives.archive("broken", rows)
    archives.put("trail/2", b"replaced")
    came = archives.get("broken", headers={"X-User": "unlucky"})
    assert came.is_cut
    receipt, sent, _, failed = ask("unlucky")
    assert [whole for _, whole in receipt] == [True, True, False, False]
    assert sent == len(came.body)
    assert 2 in failed
