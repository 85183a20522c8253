"""The findings for programs: SARIF, the hook of pre-commit, and the version of NGINX in the report."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.lint.command import RECIPE, lint, report
from xaccel.tools.cli import STAND_ALONE
from xaccel.tools.cli import lint as command
from xaccel.tools.lint.check import CHECKS

ROOT = Path(__file__).parents[2]


def sarif(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    lint("--sarif", *arguments)
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    return run  # type: ignore[no-any-return]


def test_sarif_has_a_rule_for_each_check_and_a_place_for_each_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my files").mkdir()
    (tmp_path / "my files" / "a.conf").write_text(f"\n{RECIPE}")
    monkeypatch.chdir(tmp_path)
    run = sarif(capsys, "my files/a.conf")
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [*CHECKS]
    [cookies] = [one for one in run["results"] if one["ruleId"] == "XA702"]
    assert rules[cookies["ruleIndex"]]["id"] == "XA702"
    assert cookies["level"] == "error"
    assert "sends the client's cookie and authorization" in cookies["message"]["text"]
    place = {"artifactLocation": {"uri": "my%20files/a.conf"}, "region": {"startLine": 2}}
    assert cookies["locations"] == [{"physicalLocation": place}]
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
    monkeypatch.chdir("/")
    outside = sarif(capsys, tmp_path / "my files/a.conf")["results"][0]["locations"][0]["physicalLocation"]
    assert outside["artifactLocation"]["uri"] in (
        f"file://{tmp_path}/my%20files/a.conf",
        f"{tmp_path}/my%20files/a.conf"[1:],
    )


@pytest.mark.parametrize("text", ["", f"include gone.conf; {RECIPE}"])
def test_sarif_of_a_run_that_could_not_look_says_so(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf").write_text(text)
    [invocation] = sarif(capsys, tmp_path / "a.conf")["invocations"]
    assert not invocation["executionSuccessful"]
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_the_hook_of_pre_commit_runs_a_command_of_the_package() -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    [entry] = re.findall(r"^  entry: xaccel (\w+)$", text, re.MULTILINE)
    assert entry in STAND_ALONE
    # the changed file alone would be checked without what includes it
    assert "  pass_filenames: false\n" in text


def test_published_faults_need_the_version_of_nginx(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf").write_text(f"server {{ http2 on; {RECIPE} }}")

    def result(*arguments: str) -> dict[str, Any]:
        results = report(capsys, tmp_path / "a.conf", *arguments)["results"]
        return next(one for one in results if one["id"] == "XA723")

    assert result()["status"] == "skipped"
    assert result("--nginx-version", "1.31.10")["status"] == "ok"
    assert result("--nginx-version", "1.26.3-3+deb13u11")["status"] == "ok"
    found = result("--nginx-version", "1.31.8")
    assert found["status"] == "fail"
    finding = found["findings"][0]
    assert (finding["line"], finding["directive"]) == (1, "NGINX 1.31.8")
    assert finding["fault"].startswith("CVE-2026-123007 (2026-11-18): ")
    assert lint(tmp_path / "a.conf", "--nginx-version", "1.24.0-2ubuntu7") == 2


def test_the_version_is_that_of_this_machines_nginx_if_its_files_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("no NGINX of the system")
    assert re.match(r"\d+\.\d+\.\d+", command._installed(["/etc/nginx/nginx.conf"]))
    assert command._installed([str(tmp_path / "nginx.conf")]) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(command, "find_nginx", lambda: str(tmp_path / "nginx"))
    assert command._installed(["/etc/nginx/nginx.conf"]) == ""
