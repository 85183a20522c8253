"""`xaccel lint`: check an NGINX configuration that xaccel did not generate."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from xaccel.commands.command import make_command
from xaccel.commands.printing import page, print_data, print_error, print_line
from xaccel.errors import NginxError, OptionRefused
from xaccel.site import Site
from xaccel.tools.cli.nginx_arguments import find_nginx
from xaccel.tools.cli.report_lines import MAX_SHOWN, WORDS, print_report_line
from xaccel.tools.lint.check import CHECKS, NOT_LOOKED, Report, lint
from xaccel.tools.lint.sarif import sarif
from xaccel.tools.lint.settings import GUIDE, settings_for
from xaccel.tools.nginx.probe import call, package_of, probe


def _run(args: argparse.Namespace, _: Callable[[], Site] | None) -> None:
    try:
        _lint(args)
    except OptionRefused as error:  # for a script, 1 means that there are findings
        print_error(error)
        sys.exit(NOT_LOOKED)


def _lint(args: argparse.Namespace) -> None:
    _require_known([*args.only, *(args.explain or ())])
    if args.explain is not None:
        names = args.explain or CHECKS
        print_data(["\n".join(f"{name}\n\n{CHECKS[name].text()}" for name in names)])
        return
    if not args.files:
        raise OptionRefused(
            "it needs a file", where="lint", remedy="Give one, for example /etc/nginx/nginx.conf."
        )
    paths = [sys.stdin.read() if name == "-" else Path(name) for name in args.files]
    installed = args.nginx_version or _installed(args.files)
    try:
        report = lint(paths, prefix=args.prefix, only=args.only, nginx=installed)
    except ValueError:
        if args.nginx_version:
            remedy = "Write a version of nginx.org, such as 1.31.3, or of Debian 13's package."
            raise OptionRefused(
                f"{installed!r} is not known", where="--nginx-version", remedy=remedy
            ) from None
        report = lint(paths, prefix=args.prefix, only=args.only)
    status = report.exit_status(strict=args.fail_on == "warn")
    if args.json:
        print_data([json.dumps(report.as_json(strict=args.fail_on == "warn"), indent=2), "\n"])
    elif args.sarif:
        print_data([json.dumps(sarif(report), indent=2), "\n"])
    elif args.settings:
        status = _print_settings(report)
    else:
        for line in _lines(report, args.only or [*CHECKS], everything=args.all):
            print_report_line(line)
    sys.exit(status)


def _print_settings(report: Report) -> int:
    settings = settings_for(report.places)
    for line in [*settings, "", f"The steps: {page(GUIDE)}"] if settings else []:
        print_line(line)
    for line in _not_looked(report):
        print_line(line, to=sys.stderr)
    return NOT_LOOKED if report.unread or not settings else 0


def _lines(report: Report, ids: Sequence[str], *, everything: bool) -> Iterator[str]:
    marks = []
    for each in sorted((CHECKS[name] for name in ids), key=lambda one: one.worst == "warn"):
        if report.status_of(each) == "skipped":
            continue
        found = list(dict.fromkeys(one.text for one in report.of(each)))
        marks.append(each.worst if found else "ok")
        if not found and everything:
            yield f"{WORDS['ok']:4} {each.id} {each.title}"
        elif found:
            yield f"{WORDS[each.worst]:4} {each.id} {each.failure}"
            yield from (f"     {text}" for text in found[:MAX_SHOWN])
            if (more := len(found) - MAX_SHOWN) > 0:
                yield f"     and {more} more: --json lists them"
            yield f"     Consequence: {each.consequence}"
            yield f"     Remedy: {each.remedy}"
            yield ""
    if everything:
        yield from (f"read {name}" for name in report.files)
    if report.placeholders:
        shown = [f"{text} ({where})" for text, where in report.placeholders.items()]
        others = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
        yield f"Read as fixed values, since a template replaces them: {', '.join(shown[:MAX_SHOWN])}{others}"
    yield from _not_looked(report)
    if report.places:
        counts = (("fail", "failed"), ("warn", "with a warning"), ("ok", "fine"))
        counted = [f"{marks.count(mark)} {words}" for mark, words in counts if mark in marks]
        where = f"{_count(report.places, 'location')} of {_count(report.files, 'file')}"
        unread = f", {len(report.unread)} not read" if report.unread else ""
        yield f"xaccel lint: {', '.join(counted)}, in {where}{unread}"
    if report.findings:
        yield "The settings of xaccel that replace these locations: --settings"


def _not_looked(report: Report) -> Iterator[str]:
    """Yield what was not looked at."""
    yield from (f"Not read: {text}" for text in report.unread)
    if not report.places:
        unread = f", {len(report.unread)} not read" if report.unread else ""
        where = f"no location of {_count(report.files, 'file')} delivers from a storage"
        yield f"xaccel lint: nothing was checked: {where}{unread}"
    if report.is_of_xaccel:
        yield "Files that xaccel generated are left out: `xaccel doctor` checks them."


def _installed(names: Sequence[str]) -> str:
    """Return the version of this machine's NGINX, or of its package, if one of the files is its own; else empty."""
    with suppress(NginxError):
        nginx = probe(find_nginx())
        said = call([nginx.binary, "-V"]).stderr
        found = re.search(r"--conf-path=(\S+)", said)
        folder = Path(found[1] if found else "/").parent
        if folder != Path("/") and any(Path(name).resolve().is_relative_to(folder) for name in names):
            return package_of(nginx.binary) or ".".join(map(str, nginx.version))
    return ""


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _require_known(ids: Sequence[str]) -> None:
    for name in ids:
        if name not in CHECKS:
            remedy = "Print all checks with `xaccel lint --explain`."
            raise OptionRefused(f"there is no check {name!r}", where="lint", remedy=remedy)


COMMAND = make_command("lint", types={"--prefix": Path}, run_unread=_run)
