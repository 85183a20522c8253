"""Findings in the form of SARIF 2.1.0, which the code scanning of forges reads."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from xaccel.tools.lint.check import CHECKS, NOT_LOOKED, Check, Finding, Report

_LEVELS = {"fail": "error", "warn": "warning"}


def sarif(report: Report) -> dict[str, Any]:
    """Return the log of one run (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""
    unread = report.unread or (
        [] if report.places else ["no location delivers from a storage: nothing was checked"]
    )
    invocation = {
        "executionSuccessful": report.exit_status() != NOT_LOOKED,
        "toolExecutionNotifications": [{"level": "error", "message": {"text": text}} for text in unread],
    }
    rules = [_rule(each) for each in CHECKS.values()]
    driver = {"name": "xaccel lint", "version": version("xaccel"), "rules": rules}
    results = [_result(one) for one in report.findings]
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": results}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": check.failure},
        "fullDescription": {"text": check.consequence},
        "help": {"text": check.remedy},
        "defaultConfiguration": {"level": _LEVELS[check.worst]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    file, _, line = finding.where.rpartition(":")
    place = {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": int(line)}}
    return {
        "ruleId": finding.check.id,
        "ruleIndex": list(CHECKS).index(finding.check.id),
        "level": _LEVELS[finding.check.worst],
        "message": {
            "text": f"{finding.check.failure}: {finding.place} {finding.fault}. {finding.check.remedy}"
        },
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    """Return the path relative to the working folder, as code scanning needs it; an absolute one if it is outside."""
    path, folder = Path(file).absolute(), Path.cwd()
    if path.is_relative_to(folder):
        return quote(path.relative_to(folder).as_posix())
    return f"file://{quote(path.as_posix())}"
