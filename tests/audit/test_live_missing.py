"""Transfers that end without a log entry, and how they are told from those whose entry was lost."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from django.core.management import call_command
from prometheus_client import REGISTRY

from tests.audit.conftest import swept
from tests.audit.live_site import (
    BODY,
    HOLDS,
    Hold,
    Site,
    of_its_own,
    servers,  # noqa: F401
    under_one_protocol,  # noqa: F401
)
from tests.audit.urls import Held
from tests.live.small_disk import small_disk
from xaccel.audit import metrics
from xaccel.audit.ingest.sweep import LEAST, watch
from xaccel.audit.models import Transfer
from xaccel.audit.settings import audit_settings
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kept", ["", "v1"], ids=["stored", "cached"])
@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_client_that_leaves_while_the_app_decides_gets_a_log_entry(site: Site, how: str, kept: str) -> None:
    Held.asked.clear()
    Held.let_go.clear()
    with site.begin("x", view="held", kept=kept) as transfer_:
        assert Held.asked.wait(60)
        with suppress(OSError):
            getattr(transfer_, how)()
        Held.let_go.set()
    [row] = site.rows(1)

    assert (row.outcome, row.status, row.why, row.sent) == ("refused", 499, "client_left", 0)


over_http_3 = pytest.mark.variants("deb", "deb-njs")
"""The builds that have it."""


@over_http_3
@pytest.mark.parametrize("site", ["h3"], indirect=True)
def test_a_client_that_cancels_over_http_3_while_the_app_decides_gets_a_log_entry(site: Site) -> None:
    Held.asked.clear()
    Held.let_go.clear()
    with site.begin("x", view="held") as transfer_:
        assert Held.asked.wait(60)
        transfer_.abort()
        transfer_.until_end()  # NGINX resets the stream
        Held.let_go.set()
        [row] = site.rows(1)
    assert (row.outcome, row.status, row.why, row.sent) == ("refused", 499, "client_left", 0)


@over_http_3
@pytest.mark.parametrize("how", ["abort", "close"])
@pytest.mark.parametrize("site", ["h3"], indirect=True)
def test_a_client_that_leaves_over_http_3_before_the_origin_responds_gets_a_log_entry(
    site: Site, how: str
) -> None:
    name = token_hex(4)
    hold = HOLDS[name] = Hold()
    with site.begin(name) as transfer_:
        assert hold.asked.wait(60)
        getattr(transfer_, how)()
        [row] = site.rows(1)
        hold.let_go.set()
    assert (row.outcome, row.status, row.why, row.sent) == ("refused", 499, "client_left", 0)


@over_http_3
@pytest.mark.parametrize("site", ["h3"], indirect=True)
def test_a_connection_of_http_3_that_closes_while_the_app_decides_is_in_the_access_log_alone(
    site: Site,
) -> None:
    """NGINX ends the request at once, and forgets the hand-off that comes later."""
    Held.asked.clear()
    Held.let_go.clear()
    key, log = token_hex(4), site.nginx.directory / "access.log"
    with site.begin(key, view="held"):
        assert Held.asked.wait(60)
    assert wait_until(lambda: f'/held?key={key}&subject=7 HTTP/3.0" 000 ' in log.read_text(), timeout_s=60)
    Held.let_go.set()
    assert wait_until(Transfer.objects.exists, timeout_s=60)
    assert [(row.outcome, row.ended_at) for row in site.rows(0)] == [("granted", None)]
    swept(datetime.now(UTC) + audit_settings().unknown_after)
    assert [row.outcome for row in site.rows(0)] == ["unknown"]


# each build writes its log with the same code
@pytest.mark.variants("deb-njs", "wheel")
def test_a_full_log_disk_is_noticed(
    variant: Variant, tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path, "16k") as disk:
        path = disk / "xaccel.log"
        folder = tmp_path / "nginx"
        folder.mkdir()
        with of_its_own(variant, folder, TRANSFER_LOG=str(path)) as (site, settings.XACCEL):
            site = replace(site, protocol="h1")
            count = 100
            for _ in range(count):
                assert site.get("x") == BODY  # whole, though no entry says so
            assert "write()" not in site.nginx.error_log
            with caplog.at_level(logging.WARNING, "xaccel.audit"):
                call_command("xaccel", "ingest", "--quiet", str(path))
            assert f"{path}: its disk has 0 bytes left" in caplog.text
            missing = Transfer.objects.filter(outcome="granted").count()
            assert missing > max(LEAST, count / 2)
            caplog.clear()
            found = watch(path, now=datetime.now(UTC) + timedelta(minutes=6), using="default")
            assert found == (0, {"5m": missing, "1h": 0})
            assert f"{missing} of the transfers that were decided between 15 and 5 minutes ago" in caplog.text
            metrics.watched(path, 0, *found)
            assert REGISTRY.get_sample_value("xaccel_awaited_transfers", {"over": "5m"}) == missing
            assert REGISTRY.get_sample_value("xaccel_log_free_bytes", {"path": str(path)}) == 0
