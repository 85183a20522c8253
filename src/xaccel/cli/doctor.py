"""`xaccel doctor`: look at the running site, and name the cause of what is wrong."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xaccel.cli.command import Command, FindObject
from xaccel.cli.nginx_arguments import find_nginx
from xaccel.doctor.catalogue import checks
from xaccel.doctor.check import Check, Finding
from xaccel.doctor.examine import FAILED, SCHEMA_VERSION, Accepted, examine, exit_status, require_known, wait
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import NginxError, OptionRefused
from xaccel.site import Site, read_mapping

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"fail": "error", "warn": "warning", "unknown": "note"}
_UNITS = {"": 1, "s": 1, "m": 60}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE",
        help="the site, as for the other commands (not with manage.py); or `explain ID`: what a check means",
    )
    parser.add_argument("--url", default="", metavar="URL", help="the front door (default: NGINX's `listen`)")
    parser.add_argument(
        "--download", default="", metavar="PATH", help="a download of the site to look at, or its whole URL"
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME: VALUE",
        help="sent with the download, for example a cookie; @FILE reads one header a line",
    )
    parser.add_argument(
        "--object",
        default="",
        metavar="ORIGIN/KEY",
        help="an object to look at in its storage; --download sends it",
    )
    parser.add_argument("--nginx", metavar="PATH", help="the program of NGINX (default: nginx on the PATH)")
    parser.add_argument(
        "--nginx-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="as for `config`: -p and -c of NGINX",
    )
    parser.add_argument("--no-nginx", action="store_true", help="this machine is not NGINX's host")
    parser.add_argument(
        "--without", action="append", default=[], choices=("njs", "headers-more"), help="as for `config`"
    )
    parser.add_argument("--resolve", action="store_true", help="as for `config`")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="look at an NGINX configuration with X-Accel-Redirect that xaccel did not make",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", help="this check, and its causes"
    )
    parser.add_argument("--list", action="store_true", help="print the checks, and look at nothing")
    parser.add_argument("--all", action="store_true", help="print the checks that are fine or skipped too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object with all results")
    form.add_argument(
        "--sarif", action="store_true", help="print the findings in SARIF 2.1.0, for code scanning"
    )
    parser.add_argument(
        "--wait", default="0", metavar="30s", help="look again until nothing is wrong, at most this long"
    )
    parser.add_argument("--accept", action="append", default=[], metavar="ID", help="tolerate this finding")
    parser.add_argument(
        "--reason", action="append", default=[], metavar="TEXT", help="why; for each --accept"
    )
    parser.add_argument(
        "--until", action="append", default=[], metavar="DATE", help="up to which day; for each too"
    )
    parser.add_argument("--fail-on", choices=("fail", "warn"), default="fail", help="what makes the status 1")


def _run(args: argparse.Namespace, read_site: Callable[[], Site] | None, _: FindObject | None) -> None:
    everything = {each.id: each for each in (*checks(), *checks(by_hand=True))}
    known = {each.id: each for each in checks(by_hand=args.config is not None)}
    words = list(args.words)
    if args.list:
        print("\n".join(f"{each.id}  {each.area:14}  {each.title}" for each in everything.values()))
    elif words[:1] == ["explain"]:
        require_known(words[1:], everything)
        print("\n".join(f"{name}\n\n{everything[name].text()}" for name in words[1:] or everything), end="")
    else:
        sys.exit(
            _look(args, tuple(known.values()), read_site or _reader(words, by_hand=args.config is not None))
        )


def _reader(words: Sequence[str], *, by_hand: bool) -> Callable[[], Site]:
    if len(words) != 1 and not by_hand:
        raise OptionRefused(
            "it needs one file", where="doctor", remedy="Give the file of the site, for example site.toml."
        )
    return lambda: read_mapping.site_of(*words)


def _look(args: argparse.Namespace, known: tuple[Check, ...], read_site: Callable[[], Site]) -> int:
    strict, accepted = args.fail_on == "warn", _accepted(args)
    options = {
        "read_site": read_site,
        "nginx": _program(args),
        "options": tuple(args.nginx_option),
        "without": tuple(args.without),
        "write_addresses": args.resolve,
        "url": args.url,
        "download": args.download,
        "headers": _headers(args.header),
        "named": _named(args.object),
        "config": args.config,
    }

    def once() -> tuple[Finding, ...]:
        return examine(known, RunningSite(**options), only=args.only, accepted=accepted)

    results = wait(once, seconds=_seconds(args.wait), strict=strict)
    status = exit_status(results, strict=strict)
    if args.json:
        found = {
            "schema_version": SCHEMA_VERSION,
            "exit_status": status,
            "results": [each.as_json() for each in results],
        }
        print(json.dumps(found, indent=2))
    elif args.sarif:
        print(json.dumps(_sarif(results), indent=2))
    else:
        print("\n".join([*_report(results, everything=args.all), _summary(results)]))
    return status


def _sarif(results: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as a log of SARIF (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""
    bad = [each for each in results if each.status in _LEVELS]
    rules = [
        {
            "id": each.check.id,
            "shortDescription": {"text": each.check.title},
            "help": {"text": f"{each.check.consequence} {each.check.remedy}"},
        }
        for each in bad
    ]
    driver = {"name": "xaccel doctor", "version": version("xaccel"), "rules": rules}
    found = [_sarif_result(each, text) for each in bad for text in each.evidence]
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": found}]}


def _sarif_result(each: Finding, text: str) -> dict[str, Any]:
    made: dict[str, Any] = {"ruleId": each.check.id, "level": _LEVELS[each.status], "message": {"text": text}}
    place = re.match(r"(/[^:]+|[^:/ ][^: ]*\.conf):(\d+): ", text)
    if place:
        file = {"artifactLocation": {"uri": place[1]}, "region": {"startLine": int(place[2])}}
        made["locations"] = [{"physicalLocation": file}]
    if each.accepted:
        made["suppressions"] = [{"kind": "external", "justification": each.accepted}]
    return made


def _program(args: argparse.Namespace) -> str:
    if args.no_nginx:
        return ""
    if args.nginx:
        return str(args.nginx)
    try:
        return find_nginx()
    except NginxError:
        return ""


def _report(results: Sequence[Finding], *, everything: bool) -> list[str]:
    lines: list[str] = []
    for each in results:
        mark = "accepted" if each.accepted else each.status
        if each.status in ("fail", "warn", "unknown"):
            lines.append(f"{each.check.id} {mark}. Expected: {each.check.title}")
            lines += [f"    {text}" for text in each.evidence]
            if each.accepted:
                lines.append(f"    Accepted: {each.accepted}")
                continue
            lines += [f"    What follows: {each.check.consequence}", f"    What to do: {each.check.remedy}"]
            lines += [f"    Then look again: --only {each.check.id}", ""]
        elif everything:
            reason = f"{each.because} comes first" if each.because else "; ".join(each.evidence)
            lines.append(f"{each.check.id} {mark}: {each.check.title}{f' ({reason})' if reason else ''}")
    return lines


def _summary(results: Sequence[Finding]) -> str:
    count = {name: sum(each.status == name and not each.accepted for each in results) for name in _SAID}
    accepted = sum(bool(each.accepted) for each in results)
    parts = [f"{number} {_SAID[name]}" for name, number in count.items() if number or name == "ok"]
    return f"xaccel doctor: {', '.join([*parts, *([f'{accepted} accepted'] if accepted else [])])}"


_SAID = {
    "fail": "failed",
    "unknown": "not known",
    "warn": "to be looked at",
    "ok": "fine",
    "skipped": "skipped (--all says why)",
}


def _accepted(args: argparse.Namespace) -> list[Accepted]:
    if not len(args.accept) == len(args.reason) == len(args.until):
        raise OptionRefused(
            "each --accept needs one --reason and one --until",
            where="doctor",
            remedy='Write for example: --accept XA202 --reason "update on Monday" --until 2026-12-01.',
        )
    try:
        days = [date.fromisoformat(text) for text in args.until]
    except ValueError as error:
        raise OptionRefused(
            f"no date ({error})", where="--until", remedy="Write it like 2026-12-01."
        ) from error
    return [Accepted(*each) for each in zip(args.accept, args.reason, days, strict=True)]


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)([sm]?)", text)
    if found is None:
        raise OptionRefused(f"{text!r} is no time", where="--wait", remedy="Write it like 30s or 2m.")
    return float(found[1]) * _UNITS[found[2]]


def _headers(given: Sequence[str]) -> Mapping[str, str]:
    lines = [
        line
        for text in given
        for line in (Path(text[1:]).read_text().splitlines() if text[:1] == "@" else [text])
    ]
    found = {}
    for line in filter(str.strip, lines):
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!-~]+", name):
            raise OptionRefused(
                "it is not a header", where="--header", remedy='Write it like "Cookie: sessionid=…".'
            )
        found[name] = value.strip()
    return found


def _named(text: str) -> tuple[str, str] | None:
    name, slash, key = text.partition("/")
    if text and not (slash and key):
        raise OptionRefused(
            f"{text!r} is no object", where="--object", remedy="Write it like documents/report.pdf."
        )
    return (name, key) if text else None


COMMAND = Command(
    help="look at the running site, and name the cause of what is wrong",
    description="Look at the settings, at NGINX's configuration on disk and in memory, at the origins, at one download"
    " and at the log. It reports causes and hides what follows from them. The exit status is 0 if nothing failed, 1 if"
    f" something failed, 2 if something could not be looked at. On NGINX's host, run it as root. Status {FAILED} also"
    " means that an argument was wrong.",
    add_arguments=_add_arguments,
    run_unread=_run,
)
