"""The lines of a report of checks, as a terminal shows them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap

from xaccel.commands.printing import escape, print_line

WORDS = {"fail": "FAIL", "warn": "WARN", "unknown": "?", "ok": "ok", "skipped": "skip"}
"""By status: the first word of a check's line."""
MAX_SHOWN = 5
"""Pieces of evidence of one check: an update of xaccel changes 80 files."""
_COLOURS = {"FAIL": "1;31", "WARN": "1;33", "?": "1;35", "ok": "32"}  # bold red, yellow, magenta; green
_HEADLINE = re.compile(r" *(FAIL|WARN|\?|ok) +XA\d+ ")


def print_report_line(line: str) -> None:
    """Print a line of a report: on a terminal wrapped under its indent, and with colour unless NO_COLOR is set."""
    if not sys.stdout.isatty():
        print_line(line)
        return
    start, line = _HEADLINE.match(line), escape(line)
    indent = " " * (start.end() if start else len(line) - len(line.lstrip()) + 2)
    width = min(shutil.get_terminal_size().columns, 100)
    first, *others = textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
    has_colours = start and not os.environ.get("NO_COLOR")  # https://no-color.org
    print_line(first, colour=(start[1], _COLOURS[start[1]]) if start and has_colours else None)
    for other in others:
        print_line(other)
