"""Metrics, in prometheus-client's own registry and in the text that Prometheus reads."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from django.core.management import CommandError, call_command
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.audit.conftest import Log, decide, ingested, take
from tests.audit.ingester import ROOT, process
from xaccel.audit import metrics
from xaccel.audit.metrics import count_decisions, count_transfers, label_of, origin_of
from xaccel.audit.signals import download_completed, transfer_completed
from xaccel.django.decisions import download_authorized, download_denied
from xaccel.tools.explain.why import WHY
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Counted:
    """What was counted since the test began."""

    def __init__(self) -> None:
        self.before = self._now()

    def _now(self) -> dict[Any, float]:
        text = generate_latest(REGISTRY).decode()
        return samples(text)

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        return self._now().get(key, 0.0) - self.before.get(key, 0.0)

    def series(self) -> set[Any]:
        """All series, as name and labels."""
        return {key for key in self._now() if key[0].startswith("xaccel_")}


def samples(text: str) -> dict[Any, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def counted() -> Iterator[Counted]:
    """Decisions, transfers and downloads are counted, in this process."""
    count_decisions()
    count_transfers()
    count_decisions()
    count_transfers()
    yield Counted()
    for signal in (download_authorized, download_denied, transfer_completed, download_completed):
        assert signal.disconnect(dispatch_uid="xaccel.audit.metrics")


def test_decisions_are_counted_in_the_request(client: Any, counted: Counted) -> None:
    for key in ("a", "b"):
        client.get("/send", {"key": key, "subject": key})
    client.get("/send", {"key": "a", "etag": "v1"}, headers={"If-None-Match": '"v1"'})
    client.get("/deny", {"key": "a"})
    assert counted("xaccel_decisions_total", origin="partner", decision="allowed") == 2
    assert counted("xaccel_decisions_total", origin="partner", decision="answered") == 1
    assert counted("xaccel_decisions_total", origin="partner", decision="denied") == 1


def test_transfers_bytes_seconds_and_downloads_are_counted_on_ingestion(log: Log, counted: Counted) -> None:
    whole, cut, refused = log.line(), log.line(1, subject="8", body_bytes=40), log.line(2, status="502")
    refused |= {"why": "origin_503", "body_bytes": 150, "origin_seconds": ""}
    ingested(log, whole, cut, refused)
    assert counted("xaccel_transfers_total", origin="partner", outcome="sent", why="") == 1
    assert counted("xaccel_transfers_total", origin="partner", outcome="incomplete", why="") == 1
    assert counted("xaccel_transfers_total", origin="partner", outcome="refused", why="origin_5xx") == 1
    assert counted("xaccel_sent_bytes_total", origin="partner") == 140
    assert counted("xaccel_origin_seconds_count", origin="partner") == 2
    assert counted("xaccel_origin_seconds_bucket", origin="partner", le="0.005") == 0
    assert counted("xaccel_origin_seconds_bucket", origin="partner", le="0.01") == 2
    assert counted("xaccel_downloads_completed_total", origin="partner") == 1


def test_a_use_of_a_grant_is_counted(log: Log, counted: Counted) -> None:
    decision = log.line()
    decide(decision)
    take(log, decision, log.line(1, note=f"grant:{decision['id']}"))
    assert counted("xaccel_grant_uses_total", origin="partner") == 1
    assert counted("xaccel_transfers_total", origin="partner", outcome="sent", why="") == 2


def test_no_label_is_anybody_elses_to_choose(log: Log, client: Any, counted: Counted) -> None:
    secrets = [f"hostile-{number}" for number in range(20)]
    known = counted.series()
    for text in secrets:
        log.write(log.line(origin=text, subject=text, why=text, etag=text, method=text, note=""))
        line = log.line(subject=text, why=f"origin_{text}")
        decide(line, key=text)
        log.write(line)
        client.get("/send", {"key": text, "subject": text}, HTTP_USER_AGENT=text)
    take(log)
    assert counted("xaccel_transfers_total", origin="other", outcome="sent", why="other") == 20
    assert counted("xaccel_transfers_total", origin="partner", outcome="sent", why="other") == 20
    assert "hostile" not in generate_latest(REGISTRY).decode()
    assert len(counted.series() - known) < 100


def test_archives_are_an_origin_of_a_site_that_has_them(settings: Any) -> None:
    assert origin_of("archives") == "other"
    settings.XACCEL = {**settings.XACCEL, "ARCHIVES": {"app": "127.0.0.1:1", "layouts": "/srv/layouts"}}
    assert [origin_of(name) for name in ("archives", "elsewhere")] == ["archives", "other"]


def test_every_known_reason_stays_itself_and_every_status_becomes_its_class() -> None:
    page = (ROOT / "docs/reference/log-line.md").read_text(encoding="utf-8")
    words = {why for why in WHY if not re.search("[0-9]", why)}
    table = page.partition("## Values of `why`")[2].partition("\n## ")[0].partition("why.of_uploads")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == words
    assert {label_of(why) for why in words} == words
    assert [label_of(why) for why in ("", "origin_403", "origin_599", "origin_900", "x")] == [
        "",
        "origin_4xx",
        "origin_5xx",
        "other",
        "other",
    ]


def test_a_failure_to_count_stops_no_download(
    client: Any, counted: Counted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(metrics, "origin_of", fail)
    assert client.get("/send", {"key": "a"}).status_code == 200
    assert "a metric was not counted" in caplog.text


def test_ingest_answers_prometheus_while_it_follows(log: Log) -> None:
    port = free_port()
    line = log.line()
    decide(line)
    log.write(line)
    running = process("--follow", "--metrics", f"127.0.0.1:{port}", str(log.path))

    def value(name: str, *labels: tuple[str, str]) -> float:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                return samples(answer.read().decode()).get((name, *labels), 0.0)
        except OSError:
            return -1.0

    def sent() -> float:
        return value("xaccel_sent_bytes_total", ("origin", "partner"))

    try:
        assert wait_until(lambda: sent() == 100, timeout_s=60)
        assert wait_until(lambda: value("xaccel_log_free_bytes", ("path", str(log.path))) > 0, timeout_s=60)
        running.terminate()
        assert running.wait(timeout=60) == 0
        assert sent() == -1
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("address", ["9109", "127.0.0.1:", ":9109", "127.0.0.1:65536", "127.0.0.1:x"])
def test_what_is_no_address_is_told(log: Log, address: str) -> None:
    with pytest.raises(CommandError, match="is not an address"):
        call_command("xaccel", "ingest", "--metrics", address, str(log.path))


def test_an_address_that_is_taken_is_told(log: Log) -> None:
    log.write(log.line())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match="--metrics: the address is not available"):
            call_command(
                "xaccel", "ingest", "--metrics", f"127.0.0.1:{taken.getsockname()[1]}", str(log.path)
            )


APP = """
import sys
from django.conf import settings
import tests.audit.settings as own
values = {name: getattr(own, name) for name in dir(own) if name.isupper()}
values["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
settings.configure(**values, XACCEL_AUDIT={"METRICS": True})
import django
django.setup()
from django.core.management import call_command
call_command("migrate", "xaccel_audit", verbosity=0)
from django.test import Client
for _ in range(int(sys.argv[1])):
    assert Client().get("/send", {"key": "a", "subject": "7"}).status_code == 200
"""

TOGETHER = """
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


@pytest.mark.once
def test_the_setting_counts_and_several_processes_are_added_up(tmp_path: Path) -> None:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(code: str, *arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(
            command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(APP, "2")
    run(APP, "3")
    found = samples(run(TOGETHER))
    key = ("xaccel_decisions_total", ("decision", "allowed"), ("origin", "partner"))
    assert found[key] == 5
