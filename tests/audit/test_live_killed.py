"""An NGINX that dies in the middle of a transfer: what is lost, and what is known of it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import Log, take
from tests.audit.live_site import BIG, BODY, DONE, NEVER_SENT, WHOLE, Site, downloads, of_its_own, transfer
from xaccel_testing import NginxServer, Variant
from xaccel_testing.servers.processes import alive, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def killed(nginx: NginxServer) -> None:
    pids = sorted(
        nginx.pids, key=lambda pid: pid != nginx.pid
    )  # the master first: it would start other workers
    assert len(pids) > 1
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(map(alive, pids)), timeout_s=60)


def one_sent_and_one_cut(site: Site) -> None:
    assert site.get("x") == BODY
    site.nginx.lines(1)
    with site.begin("big") as cut:
        cut.until_bytes(1_000_000)
        killed(site.nginx)
    assert 1_000_000 <= len(cut.body) < BIG


def taken_in_and_swept(site: Site, later: timedelta) -> list[Any]:
    from xaccel.audit.ingest.sweep import sweep
    from xaccel.audit.models import Transfer
    from xaccel.audit.settings import audit_settings

    counted = take(Log(site.nginx.directory / "xaccel.log"))
    assert (counted["rejected"], counted["lost"]) == (0, 0)
    sweep(audit_settings(), now=datetime.now(UTC) + later, using="default")
    return list(Transfer.objects.order_by("id"))


AT_ONCE, A_DAY_LATER = timedelta(), timedelta(days=1)


def test_the_row_of_a_transfer_under_way_stays_and_is_unknown_a_day_later(
    variant: Variant, tmp_path: Path, settings: Any
) -> None:
    with of_its_own(variant, tmp_path) as (site, settings.XACCEL):
        site = replace(site, protocol="h1")
        one_sent_and_one_cut(site)
        for later, outcome in [(AT_ONCE, "granted"), (A_DAY_LATER, "unknown")]:
            sent, cut = taken_in_and_swept(site, later)
            assert transfer(sent) == WHOLE
            assert transfer(cut) == {**dict.fromkeys(WHOLE), **NEVER_SENT, "outcome": outcome}
            assert (cut.key, cut.subject, cut.ended_at, cut.download_id) == ("big", "7", None, None)
            assert downloads() == [DONE]
