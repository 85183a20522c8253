"""What scripts and people can rely on: ids, exit statuses, JSON, --only, --wait, and no secret."""

from __future__ import annotations

import io
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from tests.doctor.breakages import IN_DJANGO
from tests.doctor.stage import ROOT, SECRET, Stage
from tests.doctor.way import TABLE
from xaccel.site import read_mapping
from xaccel.tools.cli import main
from xaccel.tools.cli.doctor import printed
from xaccel.tools.doctor.check import TABLE as CHECKS
from xaccel.tools.doctor.check import Evidence, checks, examine, exit_status
from xaccel.tools.doctor.location import FrontDoor
from xaccel.tools.doctor.running_site import RunningSite, Skipped

on_deb = pytest.mark.variants("deb")


def test_each_check_has_a_breakage_and_each_breakage_a_check() -> None:
    broken = {each.id for each in (*TABLE, *IN_DJANGO)}
    assert broken == {each.id for each in checks()} | {each.id for each in IN_DJANGO}
    assert len(TABLE) >= 40
    assert f"broken in {len(TABLE)} ways" in (ROOT / "CONTRIBUTING.md").read_text()
    for each in IN_DJANGO:
        path, _, name = each.test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text()


def test_a_check_comes_after_its_causes() -> None:
    seen = {"XA506", "XA508"}  # only with xaccel.audit, and with xaccel.django.uploads
    for each in checks():
        assert {*each.needs, *each.after} <= seen, each.id
        seen.add(each.id)
    listed = re.findall(r"^\[(XA\d{3})\]$", CHECKS.read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert [name[:3] for name in listed] == sorted(name[:3] for name in listed)
    assert set(listed) == seen | {"XA104"}


def test_explain_and_list_need_no_site(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/reference/doctor-checks.md").read_text()
    assert main(["doctor", "explain", "XA304"]) == 0
    one = capsys.readouterr().out
    assert main(["doctor", "explain"]) == 0
    sections = re.split(r"\n(?=XA\d{3}\n)", capsys.readouterr().out)
    assert one in sections
    assert len(sections) == len(checks())
    assert [name for name in sections if f"### {name}" not in page] == []
    assert main(["doctor", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(checks())


def _stack() -> RunningSite:
    site = read_mapping.read({"SECRET": SECRET, "ORIGINS": {"media": {"type": "local", "root": "/srv"}}})
    return RunningSite(read_site=lambda: site)


def _looks(*made: object) -> Iterator[Evidence]:
    for one in made:
        if isinstance(one, Exception):
            raise one
        yield Evidence("seen", one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "status", "exits"),
    [
        ([], "ok", 0),
        (["warn"], "warn", 0),
        (["warn", "fail"], "fail", 1),
        (["unknown"], "unknown", 2),
        ([Skipped("elsewhere")], "skipped", 0),
        ([OSError(2, "gone")], "unknown", 2),
        ([ZeroDivisionError(f"with {SECRET}")], "unknown", 2),
    ],
)
def test_the_worst_evidence_is_the_status_and_an_error_is_unknown(
    seen: list[object], status: str, exits: int
) -> None:
    (first, *_) = checks()
    results = examine([replace(first, look=lambda _: _looks(*seen))], _stack())
    assert [each.status for each in results] == [status]
    assert exit_status(results, strict=False) == exits
    assert SECRET not in str(results[0].as_json())


def test_a_function_for_several_checks_looks_once_and_each_check_gets_its_own_evidence() -> None:
    looked = []

    def look(_: RunningSite) -> Iterator[Evidence]:
        looked.append(1)
        yield Evidence("seen", check="XA102")
        yield Evidence("of all", "warn")

    made = [replace(each, needs=(), look=look) for each in checks()[:2]]
    results = examine([replace(each, where="anywhere") for each in made], _stack())
    assert [each.evidence for each in results] == [("of all",), ("seen", "of all")]
    assert looked == [1]


def test_what_is_not_known_has_no_consequence_and_no_remedy_of_a_failure() -> None:
    (first, *_) = checks()
    for seen, words in ((TimeoutError("timed out"), ""), ("fail", first.remedy)):
        (found,) = examine([replace(first, look=lambda _, seen=seen: _looks(seen))], _stack())
        assert (found.remedy, bool(found.consequence)) == (words, bool(words))
        report = printed([found], "report")
        assert ("Consequence" in report) == bool(words)
        line = f"FAIL XA101 {first.failure}" if words else f"?    XA101 Not known: {first.title}"
        assert report.splitlines()[0] == line
    with_remedy = Evidence("seen", "unknown", "Do this.")
    (found,) = examine([replace(first, look=lambda _: [with_remedy])], _stack())
    assert found.remedy == "Do this."


def test_what_may_follow_from_a_failure_is_looked_at_and_reported_with_it() -> None:
    first, second, third, fourth = (
        replace(one, needs=needs, after=after, look=lambda _, seen=seen: _looks(*seen))
        for one, needs, after, seen in zip(
            checks(),
            [(), (), (), ("XA103",)],
            [(), ("XA101",), ("XA102",), ()],
            [["fail"], [], ["fail"], ["fail"]],
            strict=False,
        )
    )
    third = replace(third, after=("XA101", "XA102"))
    results = examine([first, second, third, fourth], _stack())
    assert [(each.status, each.because) for each in results] == [
        ("fail", ""),
        ("ok", ""),
        ("fail", "XA101"),
        ("skipped", "XA101"),
    ]
    report = printed(results, "report")
    for words in (
        f"Perhaps because of XA101: correct that, and check again.\n    FAIL XA103 {third.failure}: seen",
        f"Not checked because of XA101: {fourth.id}",
        "1 failed, 1 perhaps because of another, 1 fine, 1 skipped",
    ):
        assert words in report


@pytest.mark.parametrize(
    ("needed", "because"),
    [([], ""), (["warn"], ""), ([Skipped("elsewhere")], "XA101")],
    ids=["ok", "warn", "skipped"],
)
def test_a_needed_check_that_passed_has_no_cause_for_another(needed: list[object], because: str) -> None:
    """XA101 fails; XA102 may follow from it, and is healthy; XA103 needs XA102 and fails."""
    first, second, third = (
        replace(one, needs=needs, after=after, look=lambda _, seen=seen: _looks(*seen))
        for one, needs, after, seen in zip(
            checks(),
            [(), (), ("XA102",)],
            [(), ("XA101",), ()],
            [["fail"], needed, ["fail"]],
            strict=False,
        )
    )
    results = examine([first, second, third], _stack())
    assert (results[2].status, results[2].because) == ("fail", because)


def test_no_failure_of_a_log_or_of_the_trail_hides_a_failure_of_a_download() -> None:
    known = {each.id: each for each in checks()}
    for each in known.values():
        if each.area == "download" and each.id != "XA615":  # the one that looks for the log entry
            assert [name for name in each.after if name[:3] == "XA5"] == [], each.id


def test_a_check_that_was_asked_for_and_could_not_run_is_not_known() -> None:
    (first, second, *_) = checks()
    made = [replace(first, look=lambda _: []), replace(second, look=lambda _: _looks(Skipped("elsewhere")))]
    assert exit_status(examine(made, _stack()), strict=False) == 0
    results = examine(made, _stack(), only=["XA102"])
    assert [(each.status, each.evidence) for each in results] == [("unknown", ("elsewhere",))]
    assert exit_status(results, strict=False) == 2


def test_a_report_shows_five_pieces_of_evidence_and_counts_the_others() -> None:
    (first, *_) = checks()
    seen = [Evidence(f"file {number}") for number in range(80)]
    results = examine([replace(first, look=lambda _: seen)], _stack())
    report = printed(results, "report")
    assert report.count("file ") == 5
    assert "     and 75 more: --json lists them\n" in report
    assert len(results[0].as_json()["evidence"]) == 80


def test_warnings_fail_on_request_and_a_cause_hides_what_follows() -> None:
    first, second, *_ = checks()
    warns = replace(first, look=lambda _: _looks("warn"))
    assert exit_status(examine([warns], _stack()), strict=True) == 1
    fails = replace(first, look=lambda _: _looks("fail"))
    results = examine([fails, replace(second, look=lambda _: _looks("fail"))], _stack())
    assert [(each.status, each.because) for each in results] == [("fail", ""), ("skipped", "XA101")]


def test_each_check_and_all_together_end_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        door = FrontDoor.at(f"http://127.0.0.1:{hanging.getsockname()[1]}")

        def look(_: RunningSite) -> Iterator[Evidence]:
            yield Evidence(str(door.ask("GET", "/").status))

        made = [replace(each, needs=(), after=(), look=partial(look)) for each in checks()[:8]]
        stack = replace(_stack(), timeout_s=0.2)
        results = examine([replace(each, where="anywhere") for each in made], stack)
    assert {each.status for each in results} == {"unknown"}
    assert "timed out" in results[0].evidence[0]
    assert results[-1].evidence == ("not done: the checks took 1 s. `--timeout` gives them more",)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@on_deb
def test_each_area_is_printed_as_it_goes_to_a_terminal_only(
    healthy: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made, shown in (
        (Terminal(), "settings …\non disk …\nlog and disk …\n"),
        (io.StringIO(), ""),
    ):
        monkeypatch.setattr(sys, "stderr", made)
        assert healthy.doctor("--only", "XA505") == (0, "xaccel doctor: 1 fine\n")
        assert made.getvalue() == shown


@on_deb
def test_only_makes_the_check_and_its_causes(healthy: Stage) -> None:
    healthy.stop()
    status, printed = healthy.doctor("--json", "--only", "XA304")
    found = {one["id"]: one["status"] for one in json.loads(printed)["results"]}
    assert (status, found) == (1, {"XA301": "fail", "XA302": "fail", "XA304": "skipped"})


@on_deb
def test_wait_looks_again_until_nothing_is_wrong(healthy: Stage) -> None:
    page = healthy.file("missing.html")
    page.rename(healthy.file("moved.html"))
    assert healthy.doctor("--only", "XA505")[0] == 1
    timer = threading.Timer(1.5, lambda: healthy.file("moved.html").rename(page))
    timer.start()
    assert healthy.doctor("--only", "XA505", "--wait", "2m")[0] == 0
    timer.join()


@on_deb
def test_the_report_names_cause_evidence_consequence_and_remedy(healthy: Stage) -> None:
    healthy.change(LIMIT_RATE=10**9, reload=False)
    status, printed = healthy.doctor()
    assert status == 1
    for words in (
        "FAIL XA304 NGINX runs an older configuration than the files\n     it has the settings ",
        "Consequence: ",
        "Remedy: ",
        "--only XA304",
        "1 failed",
    ):
        assert words in printed
    assert "XA602" not in printed


@on_deb
@pytest.mark.parametrize(
    ("word", "where"), [("--no-nginx", "NGINX's host"), ("--no-app", "the app's host")], ids=["nginx", "app"]
)
def test_a_check_is_skipped_with_the_reason_elsewhere(healthy: Stage, word: str, where: str) -> None:
    status, printed = healthy.doctor(word, "--json")
    results = json.loads(printed)["results"]
    reasons = {one["id"]: one["evidence"] for one in results if one["where"] == where}
    assert status == 0
    assert len(reasons) > 5
    for evidence in reasons.values():
        assert evidence[0].startswith(f"this is not {where}")


@on_deb
def test_the_door_is_found_in_nginx_configuration(healthy: Stage) -> None:
    healthy.arguments["--url"] = ""
    assert "XA302" not in healthy.found()
    healthy.change(LIMIT_RATE=10**9, reload=False)
    assert "XA304" in healthy.found()
