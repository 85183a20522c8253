"""deploy/prometheus: which alarm fires for which fault, and that none fires otherwise. By Prometheus' own promtool."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from tests.groups import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
INGEST = '{job="ingest", instance="ingest:9109"}'
HEALTHY = {
    f"up{INGEST}": "1x90",
    f"xaccel_ingest_lag_seconds{INGEST}": "0x90",
    f"xaccel_ingest_waiting{INGEST}": "0x90",
    'xaccel_log_free_bytes{path="/var/log/xaccel/transfers.log"}': "1000000000x90",
    'xaccel_awaited_transfers{over="5m"}': "3x90",
    "xaccel_unknown_transfers_total": "0x90",
    'xaccel_decisions_total{decision="allowed"}': "0+10x90",
    'xaccel_transfers_total{why=""}': "0+10x90",
}
"""Series by the minute. Ten downloads a minute."""
UP, LAG, WAITING, FREE, AWAITED, UNKNOWN, DECIDED, TRANSFERS = HEALTHY
FAULTS: dict[str, tuple[dict[str, str], int, set[str]]] = {
    "nothing": ({}, 90, set()),
    "nothing, after an hour without downloads": ({DECIDED: "0x90", TRANSFERS: "0x90"}, 90, set()),
    "ingest restarts for two minutes": ({UP: "1x9 0x1 1x80"}, 20, set()),
    "ingest is dead": ({UP: "1x9 0x80", LAG: "0x9 _x80", WAITING: "0x9 _x80"}, 20, {"IngestDown"}),
    "the second ingest is dead": (
        {'up{job="ingest", instance="ingest-2:9109"}': "1x9 0x80"},
        20,
        {"IngestDown"},
    ),
    "ingest was never there": ({UP: "_x90", LAG: "_x90", WAITING: "_x90"}, 10, {"IngestDown"}),
    "the log is unreadable": ({LAG: "0x9 -1x80", WAITING: "0x9 1x80"}, 20, {"LogUnreadable"}),
    "the database is down": ({WAITING: "0x9 1x80"}, 20, {"IngestWaiting"}),
    "ingest is slow": ({LAG: "0x9 0+60x80"}, 25, {"IngestionBehind"}),
    "the disk is almost full": ({FREE: "1000000000x9 1000000x80"}, 15, {"TransferLogDiskAlmostFull"}),
    "NGINX writes no entries": (
        {TRANSFERS: "0+10x9 90x80", AWAITED: "3x14 3+10x75"},
        60,
        {"TransfersWithoutLogEntry", "FewerLogEntriesThanHandOffs"},
    ),
    "entries were lost": ({UNKNOWN: "0x9 0+5x80"}, 40, {"TransfersUnknown"}),
}
"""What differs from HEALTHY, the minute in which the alarms are looked at, and those that fire then."""


@pytest.fixture
def promtool(unavailable: Callable[[str], NoReturn]) -> str:
    return shutil.which("promtool") or unavailable("promtool is not installed: run scripts/system")


def test_each_alarm_fires_for_its_fault_and_none_otherwise(promtool: str, tmp_path: Path) -> None:
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": [{"series": key, "values": text} for key, text in (HEALTHY | changed).items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{minute}m",
                    "exp_samples": [
                        {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)
                    ],
                }
            ],
        }
        for name, (changed, minute, alerts) in FAULTS.items()
    ]
    file = tmp_path / "tests.json"
    file.write_text(json.dumps({"rule_files": [str(FOLDER / "rules.yml")], "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alarm_is_tested_and_has_a_remedy() -> None:
    [group] = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
    assert {rule["alert"] for rule in group["rules"]} == set().union(*(row[2] for row in FAULTS.values()))
    assert all({*rule["annotations"]} == {"summary", "remedy"} for rule in group["rules"])


def test_each_ingest_with_metrics_is_scraped() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    addresses = {
        name: service["command"][service["command"].index("--metrics") + 1]
        for name, service in services.items()
        if "--metrics" in service.get("command", [])
    }
    targets = [f"{name}:{address.rpartition(':')[2]}" for name, address in addresses.items()]
    assert job["static_configs"] == [{"targets": targets}]


def test_prometheus_reads_the_configuration(promtool: str) -> None:
    command = [promtool, "check", "config", str(FOLDER / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
