"""`xaccel doctor`: look at the running site, and name the cause of what is wrong."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xaccel.cli.command import FindObject, make_command
from xaccel.cli.nginx_arguments import find_nginx
from xaccel.doctor.catalogue import checks
from xaccel.doctor.check import Check, Finding
from xaccel.doctor.examine import SCHEMA_VERSION, Accepted, examine, exit_status, require_known, wait
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import NginxError, OptionRefused
from xaccel.site import Site, read_mapping

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"fail": "error", "warn": "warning", "unknown": "note"}
_UNITS = {"": 1, "s": 1, "m": 60}


def _run(args: argparse.Namespace, read_site: Callable[[], Site] | None, _: FindObject | None) -> None:
    by_hand = args.config is not None
    everything = {each.id: each for each in (*checks(), *checks(by_hand=True))}
    if args.list:
        print("\n".join(f"{each.id}  {each.area:14}  {each.title}" for each in everything.values()))
    elif args.words[:1] == ["explain"]:
        ids = args.words[1:]
        require_known(ids, everything)
        print("\n".join(f"{name}\n\n{everything[name].text()}" for name in ids or everything), end="")
    elif read_site is None and not by_hand and len(args.words) != 1:
        remedy = "Give the file of the site, for example site.toml."
        raise OptionRefused("it needs one file", where="doctor", remedy=remedy)
    else:
        read = read_site or (lambda: read_mapping.site_of(*args.words))
        sys.exit(_look(args, checks(by_hand=by_hand), read))


def _look(args: argparse.Namespace, known: tuple[Check, ...], read_site: Callable[[], Site]) -> int:
    strict, accepted = args.fail_on == "warn", _accepted(args)
    options = {
        "read_site": read_site,
        "nginx": _program(args),
        "has_app": not args.no_app,
        "options": tuple(args.nginx_option),
        "without": tuple(args.without),
        "write_addresses": args.resolve,
        "headers": headers_of(args.header),
        "named": _named(args.object),
        **{name: getattr(args, name) for name in ("url", "download", "config")},
    }

    def once() -> tuple[Finding, ...]:
        return examine(known, RunningSite(**options), only=args.only, accepted=accepted)

    results = wait(once, seconds=_seconds(args.wait), strict=strict)
    form = "json" if args.json else "sarif" if args.sarif else "all" if args.all else "report"
    print(printed(results, form, strict=strict))
    return exit_status(results, strict=strict)


def printed(results: Sequence[Finding], form: str, *, strict: bool = False) -> str:
    """Return what is printed in a form: `json`, `sarif`, `report`, or `all`, a report with what is fine too."""
    if form == "json":
        status, found = exit_status(results, strict=strict), [each.as_json() for each in results]
        return json.dumps(
            {"schema_version": SCHEMA_VERSION, "exit_status": status, "results": found}, indent=2
        )
    if form == "sarif":
        return json.dumps(_sarif(results), indent=2)
    return "\n".join([*_report(results, everything=form == "all"), _summary(results)])


def _sarif(results: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as a log of SARIF (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""
    bad = [each for each in results if each.status in _LEVELS]
    texts = [(each.check, f"{each.check.consequence} {each.check.remedy}") for each in bad]
    rules = [
        {"id": one.id, "shortDescription": {"text": one.title}, "help": {"text": text}} for one, text in texts
    ]
    driver = {"name": "xaccel doctor", "version": version("xaccel"), "rules": rules}
    found = [_sarif_result(each, text) for each in bad for text in each.evidence]
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": found}]}


def _sarif_result(each: Finding, text: str) -> dict[str, Any]:
    made: dict[str, Any] = {"ruleId": each.check.id, "level": _LEVELS[each.status], "message": {"text": text}}
    if place := re.match(r"(/[^:]+|[^:/ ][^: ]*\.conf):(\d+): ", text):
        file = {"artifactLocation": {"uri": place[1]}, "region": {"startLine": int(place[2])}}
        made["locations"] = [{"physicalLocation": file}]
    if each.accepted:
        made["suppressions"] = [{"kind": "external", "justification": each.accepted}]
    return made


def _program(args: argparse.Namespace) -> str:
    with suppress(NginxError):
        return "" if args.no_nginx else args.nginx or find_nginx()
    return ""


def _report(results: Sequence[Finding], *, everything: bool) -> Iterator[str]:
    for each in results:
        mark = "accepted" if each.accepted else each.status
        if each.is_bad:
            yield f"{each.check.id} {mark}. Expected: {each.check.title}"
            yield from (f"    {text}" for text in each.evidence)
            if each.accepted:
                yield f"    Accepted: {each.accepted}"
                continue
            yield f"    Consequence: {each.check.consequence}"
            yield f"    Remedy: {each.check.remedy}"
            yield f"    Check again: --only {each.check.id}\n"
        elif everything:
            reason = f"because of {each.because}" if each.because else "; ".join(each.evidence)
            yield f"{each.check.id} {mark}: {each.check.title}{f' ({reason})' if reason else ''}"


def _summary(results: Sequence[Finding]) -> str:
    marks = ["accepted" if each.accepted else each.status for each in results]
    parts = [f"{marks.count(mark)} {said}" for mark, said in _SAID.items() if mark == "ok" or mark in marks]
    return f"xaccel doctor: {', '.join(parts)}"


_SAID = {
    "fail": "failed",
    "unknown": "unknown",
    "warn": "with a warning",
    "ok": "fine",
    "skipped": "skipped (--all gives the reasons)",
    "accepted": "accepted",
}


def _accepted(args: argparse.Namespace) -> list[Accepted]:
    if not len(args.accept) == len(args.reason) == len(args.until):
        remedy = 'Write for example: --accept XA202 --reason "update on Monday" --until 2026-12-01.'
        raise OptionRefused("each --accept needs one --reason and one --until", where="doctor", remedy=remedy)
    try:
        days = map(date.fromisoformat, args.until)
        return [Accepted(*each) for each in zip(args.accept, args.reason, days, strict=True)]
    except ValueError as error:
        remedy = "Write it like 2026-12-01."
        raise OptionRefused(f"not a date ({error})", where="--until", remedy=remedy) from error


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)([sm]?)", text)
    if found is None:
        raise OptionRefused(f"{text!r} is not a time", where="--wait", remedy="Write it like 30s or 2m.")
    return float(found[1]) * _UNITS[found[2]]


def headers_of(given: Sequence[str]) -> Mapping[str, str]:
    """Return the headers of --header options. Raises OptionRefused."""
    found = {}
    for text in given:
        for line in Path(text[1:]).read_text().splitlines() if text.startswith("@") else [text]:
            name, colon, value = line.partition(":")
            if line.strip() and not (colon and re.fullmatch(r"[!-~]+", name)):
                remedy = 'Write it like "Cookie: sessionid=…".'
                raise OptionRefused("it is not a header", where="--header", remedy=remedy)
            found[name] = value.strip()
    return {name: value for name, value in found.items() if name}


def _named(text: str) -> tuple[str, str] | None:
    name, slash, key = text.partition("/")
    if text and not (slash and key):
        remedy = "Write it like documents/report.pdf."
        raise OptionRefused(f"{text!r} is not an object", where="--object", remedy=remedy)
    return (name, key) if text else None


COMMAND = make_command("doctor", types={"--config": Path}, run_unread=_run)
