"""`xaccel doctor`: look at the running site, and name the cause of what is wrong."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from xaccel.commands.command import headers_of, make_command
from xaccel.commands.printing import escape, print_data, print_line
from xaccel.errors import NginxError, OptionRefused
from xaccel.site import Site, read_mapping
from xaccel.tools.cli.nginx_arguments import find_nginx
from xaccel.tools.cli.report_lines import MAX_SHOWN, WORDS, print_report_line
from xaccel.tools.doctor.check import CLEAN, SCHEMA_VERSION, Check, Finding, checks, examine, exit_status
from xaccel.tools.doctor.running_site import RunningSite

_PAUSE_S = 0.5


def _run(args: argparse.Namespace, read_site: Callable[[], Site] | None) -> None:
    if args.config is not None:
        what, remedy = "the doctor only checks sites of xaccel", f"Run `xaccel lint {escape(args.config)}`."
        raise OptionRefused(what, where="--config", remedy=remedy)
    everything = {each.id: each for each in checks()}
    known = tuple(each for each in everything.values() if read_site or not each.module)
    if args.list:
        for each in everything.values():
            print_line(f"{each.id}  {each.area:14}  {each.title}")
    elif args.words[:1] == ["explain"]:
        ids = args.words[1:]
        _require_known(ids, everything)
        print_data(["\n".join(f"{name}\n\n{everything[name].text()}" for name in ids or everything)])
    elif read_site is None and len(args.words) != 1:
        remedy = "Give the file of the site, for example site.toml."
        raise OptionRefused("it needs one file", where="doctor", remedy=remedy)
    else:
        read = read_site or (lambda: read_mapping.site_of(*args.words))
        sys.exit(_try_storage(args, read()) if args.storage else _look(args, known, read))


def _try_storage(args: argparse.Namespace, site: Site) -> int:
    from xaccel.tools.doctor.storage.report import check_storage

    report = check_storage(site, args.storage, object_url=args.object, prefix=args.prefix)
    record = json.dumps(report.as_json(), indent=2)
    for line in report.lines():
        print_line(line, to=sys.stderr if args.json else None)
    if args.json:
        print_data([record, "\n"])
    if args.save and not report.failure:
        args.save.write_text(f"{record}\n", encoding="utf-8")
    if report.scratch.is_stopped:
        raise KeyboardInterrupt
    return report.exit_status


def _look(args: argparse.Namespace, known: tuple[Check, ...], read_site: Callable[[], Site]) -> int:
    _require_known(args.only, {each.id for each in known})
    strict = args.fail_on == "warn"
    end = time.monotonic() + _seconds(args.wait, "--wait")
    stack = RunningSite(
        read_site=read_site,
        nginx=_program(args),
        has_app=not args.no_app,
        options=args.nginx_option,
        without=args.without,
        write_addresses=args.resolve,
        url=args.url,
        ca_file=str(args.ca_file) if args.ca_file else None,
        download=args.download,
        headers=headers_of(args.header),
        named=_named(args.object),
        leads_below=getattr(args, "leads_below", None),
        find_object=args.find_object,
        timeout_s=_seconds(args.timeout, "--timeout"),
    )
    while True:
        stack = replace(stack)  # the next time, the facts are looked for anew
        results = examine(known, stack, only=args.only, watch=_progress())
        status = exit_status(results, strict=strict)
        if status == CLEAN or time.monotonic() >= end:
            break
        time.sleep(_PAUSE_S)
    form = "json" if args.json else "all" if args.all else "report"
    if form == "json":
        print_data([printed(results, form, strict=strict), "\n"])
        return status
    for line in _report(results, everything=form == "all"):
        print_report_line(line)
    return status


def _progress() -> Callable[[Check], object]:
    """Print the name of each area to a terminal, when its first check begins."""
    areas = list[str]()

    def watch(each: Check) -> None:
        if each.area not in areas and sys.stderr.isatty():
            print_line(f"{each.area} …", to=sys.stderr)
        areas.append(each.area)

    return watch


def _require_known(ids: Collection[str], known: Collection[str]) -> None:
    for name in ids:
        if name not in known:
            remedy = "Print all checks with `xaccel doctor --list`."
            raise OptionRefused(f"there is no check {name!r}", where="doctor", remedy=remedy)


def printed(results: Sequence[Finding], form: str, *, strict: bool = False) -> str:
    """Return what is printed in a form: `json`, `report`, or `all`, a report with what is fine too."""
    if form == "json":
        status, found = exit_status(results, strict=strict), [each.as_json() for each in results]
        shown = {"schema_version": SCHEMA_VERSION, "exit_status": status, "results": found}
        return json.dumps(shown, indent=2)
    return "\n".join(_report(results, everything=form == "all"))


def _program(args: argparse.Namespace) -> str:
    with suppress(NginxError):
        return "" if args.no_nginx else args.nginx or find_nginx()
    return ""


def _report(results: Sequence[Finding], *, everything: bool) -> Iterator[str]:
    for each in results:
        if each.is_bad and not each.because:
            yield _headline(each)
            yield from (f"     {text}" for text in each.evidence[:MAX_SHOWN])
            if (more := len(each.evidence) - MAX_SHOWN) > 0:
                yield f"     and {more} more: --json lists them"
            for label in ("consequence", "remedy"):
                if text := getattr(each, label):
                    yield f"     {label.capitalize()}: {text}"
            yield f"     Check again: --only {each.check.id}"
            yield ""
        elif everything:
            reason = f"because of {each.because}" if each.because else "; ".join(each.evidence)
            yield f"{_headline(each)}{f' ({reason})' if reason else ''}"
    yield from _what_follows(results)
    yield f"xaccel doctor: {_counted([each.mark for each in results])}"


def _headline(each: Finding) -> str:
    known = each.check.failure if each.is_bad else each.check.title
    said = known if each.check.explains(each.status) else f"Not known: {each.check.title}"
    return f"{WORDS[each.status]:4} {each.check.id} {said}"


def _what_follows(results: Sequence[Finding]) -> Iterator[str]:
    """Yield what may have the same cause, and what could not be checked because of it."""
    for cause in dict.fromkeys(each.because for each in results if each.because):
        of_cause = [each for each in results if each.because == cause]
        bad = [each for each in of_cause if each.is_bad]
        if bad:
            yield f"Perhaps because of {cause}: correct that, and check again."
        for each in bad:
            yield f"    {_headline(each)}: {'; '.join(each.evidence[:MAX_SHOWN])}"
        if skipped := [each.check.id for each in of_cause if each.status == "skipped"]:
            yield f"Not checked because of {cause}: {', '.join(skipped)}"
        yield ""


def _counted(marks: Sequence[str]) -> str:
    return ", ".join(
        f"{marks.count(mark)} {said}" for mark, said in _SAID.items() if mark == "ok" or mark in marks
    )


_SAID = {
    "fail": "failed",
    "unknown": "unknown",
    "warn": "with a warning",
    "follows": "perhaps because of another",
    "ok": "fine",
    "skipped": "skipped (--all gives the reasons)",
}


def _seconds(text: str, where: str) -> float:
    found = re.fullmatch(r"(\d+)([sm]?)", text)
    if found is None:
        raise OptionRefused(f"{text!r} is not a time", where=where, remedy="Write it like 30s or 2m.")
    return float(found[1]) * (60 if found[2] == "m" else 1)


def _named(text: str) -> tuple[str, str] | None:
    name, slash, key = text.partition("/")
    if text and not (slash and key):
        remedy = "Write it like documents/report.pdf."
        raise OptionRefused(f"{text!r} is not an object", where="--object", remedy=remedy)
    return (name, key) if text else None


COMMAND = make_command("doctor", types={"--save": Path, "--ca-file": Path}, run_unread=_run)
