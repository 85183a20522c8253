from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks import __main__ as command
from benchmarks.clients import wrk
from benchmarks.clients.wrk import Stored
from benchmarks.measure import plots, report
from benchmarks.measure.interleave import each, interleave
from benchmarks.measure.processes import memory, peak
from benchmarks.measure.question import Cell, Table, Target, WrongAnswer, require
from benchmarks.measure.spread import Spread, spread
from docs.generated import benchmarks as benchmarks_page
from tests.servers.origin import Answer, origin_server

MISSED = Target(what="a call", limit=1, measured=2, unit="µs")
TABLE = Table(title="T", columns=("who", "µs"), rows=(("one", spread([1.0, 2.0, 3.0])),), targets=(MISSED,))


def test_a_spread_is_the_median_with_its_quartiles() -> None:
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(3.0, 2.0, 4.0, 5)
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0, 1)


def test_each_contender_is_sampled_once_a_round() -> None:
    calls: list[str] = []
    contenders = {name: each(lambda name=name: calls.append(name), calls=2) for name in ("a", "b")}
    samples = interleave(contenders, rounds=3)
    assert {name: len(found) for name, found in samples.items()} == {"a": 3, "b": 3}
    rounds = [calls[start : start + 4] for start in range(0, len(calls), 4)]
    assert [sorted(one) for one in rounds] == [["a", "a", "b", "b"]] * 4


def test_a_table_shows_columns_and_a_missed_target() -> None:
    assert report.text(TABLE).splitlines() == [
        "T",
        "",
        "who                 µs",
        "---  -----------------",
        "one  2.00 (1.50..2.50)",
        "  MISSED: a call: 2.00 µs, at most 1.00",
    ]


def test_a_target_may_be_the_least_instead_of_the_most() -> None:
    target = Target(what="x", limit=10, measured=12, unit="times", at_least=True)
    assert target.met
    assert not replace(target, measured=9.9).met
    assert report.text(replace(TABLE, targets=(target,))).endswith("met: x: 12.0 times, at least 10.0")


def test_a_body_that_differs_in_one_byte_stops_the_run(
    tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    if shutil.which("wrk") is None:
        unavailable("wrk is not installed: run scripts/system")
    right, wrong = b"x" * 4095 + b"y", b"x" * 4096
    stored = Stored(tmp_path / "small", 4096, hashlib.sha256(right).hexdigest())
    stored.path.write_bytes(right)
    with origin_server(lambda _: Answer(body=right)) as origin:
        url = f"{origin.url}/small"
        found = wrk.answered(url, stored, connections=2, seconds=1, fields=("X-Field: a",), compare=True)
        assert found.per_second > 0
        assert 0 < found.p50_ms <= found.p99_ms
        assert ("X-Field", "a") in origin.requests[-1].headers
        wrk.compare(origin.port, "/small", stored)
        origin.answer = lambda _: Answer(body=wrong)
        with pytest.raises(WrongAnswer, match="wrong"):
            wrk.answered(url, stored, connections=2, seconds=1, compare=True)
        with pytest.raises(WrongAnswer, match="wrong bytes"):
            wrk.compare(origin.port, "/small", stored)
        origin.answer = lambda _: Answer(status=502, body=right)
        with pytest.raises(WrongAnswer, match="failed"):
            wrk.answered(url, stored, connections=2, seconds=1)
        with pytest.raises(WrongAnswer, match="502"):
            wrk.transfer_seconds([wrk.Connection(origin.port)], "/small", stored, each=1)


def test_a_body_of_another_size_stops_the_run(tmp_path: Path) -> None:
    stored = Stored(tmp_path / "small", 10, "")
    with origin_server(lambda _: Answer(body=b"short")) as origin, pytest.raises(WrongAnswer, match="of 10"):
        wrk.transfer_seconds([wrk.Connection(origin.port)], "/small", stored, each=1)


def test_the_record_is_json_and_names_no_machine() -> None:
    record = report.record("smoke", {"question": [TABLE]}, {"question": 1.25})
    text = json.dumps(record)
    assert os.uname().nodename not in text
    assert record["questions"]["question"][0]["targets"][0]["met"] is False
    assert record["seconds"] == {"question": 1.2}


@pytest.mark.parametrize(("timed", "status"), [(True, 0), (False, 1)])
def test_only_a_broken_promise_that_is_not_about_time_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, timed: bool, status: int
) -> None:
    target = Target(what="x", limit=1, measured=2, unit="MB", timed=timed)
    table = Table(title="T", columns=("who",), rows=(("one",),), targets=(target,))
    monkeypatch.setattr(command, "_alone", lambda name, size: [table])
    file = tmp_path / "record.json"
    assert command.main(["--smoke", "--json", str(file), "signing"]) == status
    assert list(json.loads(file.read_text())["questions"]) == ["signing"]


def test_a_question_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["nothing"])
    assert "handoff, signing, app_server, memory, thread_memory, import_cost" in capsys.readouterr().err


def test_a_wrong_answer_stops_the_run() -> None:
    with pytest.raises(WrongAnswer, match="3 bytes"):
        require(False, "3 bytes")


@pytest.mark.usefixtures("usual_malloc")
def test_a_peak_of_memory_is_measured_after_it_was_freed() -> None:
    script = "import sys\nfor line in sys.stdin: data = b'0123456789abcdef' * int(line); print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def hold(megabytes: int) -> None:
            print(megabytes * 65536, file=child.stdin)
            child.stdout.readline()

        hold(1)
        before = memory([child.pid])
        with peak(lambda: [child.pid], every_s=0.005) as most:
            hold(40)
            looks = most.looks
            while most.looks < looks + 2:
                pass
            hold(1)
        after = memory([child.pid])
        child.stdin.close()
    assert most.pss - before.pss > 30e6
    assert most.anonymous - before.anonymous > 30e6
    assert after.pss - before.pss < 10e6


def test_the_page_of_results_prints_every_row_note_and_goal_of_a_record() -> None:
    table = replace(TABLE, rows=(*TABLE.rows, ("none", "not tried")), note="two\nlines")
    record = json.loads(json.dumps(report.record("smoke", {"question": [table]}, {"question": 1.0})))
    page = benchmarks_page.page(benchmarks_page.QUICK, record)
    lines = page.splitlines()
    assert "| one | 2.00 (1.50 to 2.50) |" in lines
    assert "| none | not tried |" in lines
    assert "two lines" in lines
    assert "| `question` | a call | at most 1.00 µs | 2.00 | **missed** |" in lines


def test_the_page_of_results_has_every_question() -> None:
    record = benchmarks_page.record_of(benchmarks_page.QUICK)
    assert (record["size"], list(record["questions"])) == ("quick", list(command.QUESTIONS))


def test_a_picture_shows_the_rows_that_have_a_figure() -> None:
    rows: tuple[tuple[Cell, ...], ...] = (("one", spread([1.0])), ("two", 2.5), ("three", "not tried"))
    table = json.loads(json.dumps(asdict(replace(TABLE, rows=rows, plot=1))))
    assert plots.bars(table) == [("one", 1.0, 1.0, 1.0), ("two", 2.5, 2.5, 2.5)]
