"""XA8xx: what NGINX's error log says since its workers began, and what it says about one request."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

from xaccel.doctor.check import check
from xaccel.doctor.evidence import Evidence, Skipped
from xaccel.doctor.own_directives import each_line
from xaccel.doctor.running_site import RunningSite, workers_of
from xaccel.errors import XaccelError

_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] \d+#\d+: (?:\*\d+ )?([^\n]*)")
_NO_FILES = ("stderr", "syslog:", "memory:", "/dev/null")
_RECENT_S = 3600.0
_MOST_BYTES = 256 * 1024
_MOST_CHARACTERS = 240
_MOST_MESSAGES = 4
_FEW_CONNECTIONS = 64
"""A browser opens up to six, a download takes two."""
_KINDS = {
    801: r"worker_connections are not enough|Too many open files|exceed open file resource limit",
    802: r"\(13: Permission denied\)",
    803: r"limiting (?:requests|connections)",
    804: r"upstream (?:timed out|prematurely|sent )|no live upstreams|(?:connect|recv|send)\(\) .*upstream",
    805: r"while reading PROXY protocol",
}
_WORST = ("alert", "crit", "emerg")


def files(stack: RunningSite) -> list[Path]:
    """Return the error logs of NGINX's configuration that are files. Raises Skipped."""
    lines = [line.words for line, _ in each_line((stack.main,)) if line.words[0] == "error_log"]
    if not any(line.words[0] == "error_log" for line in stack.main):
        lines.append(("error_log", stack.built_with.get("--error-log-path", "logs/error.log")))
    names = dict.fromkeys(words[1] for words in lines if not words[1].startswith(_NO_FILES))
    return [path for name in names if (path := stack.prefix / name).is_file()]


def ends(stack: RunningSite) -> Mapping[Path, int]:
    """Return the sizes of the error logs; empty where they are not known."""
    with suppress(Skipped, OSError, XaccelError):
        return {path: path.stat().st_size for path in files(stack)}
    return {}


def written_since(before: Mapping[Path, int]) -> tuple[str, ...]:
    """Return the messages that were written behind these sizes, each once."""
    found: list[str] = []
    with suppress(OSError):
        for path, size in before.items():
            found += [text for _, _, text in _messages(path, size)]
    return tuple(dict.fromkeys(found))[:_MOST_MESSAGES]


def _messages(path: Path, start: int) -> Iterator[tuple[datetime, str, str]]:
    with path.open("rb") as file:
        file.seek(max(start, path.stat().st_size - _MOST_BYTES))
        text = file.read(_MOST_BYTES).decode(errors="replace")
    for at, level, message in _LINE.findall(text):
        # what follows has the URL and headers of a client
        shown = message.partition(", client: ")[0][:_MOST_CHARACTERS]
        with suppress(ValueError):
            yield datetime.strptime(at, "%Y/%m/%d %H:%M:%S"), level, shown  # noqa: DTZ007


@lru_cache(maxsize=1)
def recent(stack: RunningSite) -> Counter[tuple[int, str]]:
    """Count the messages of the last hour since the workers began, by check. Raises Skipped, and OSError."""
    with suppress(Skipped):
        began = min(workers_of(stack.master), default=0.0)
    found: Counter[tuple[int, str]] = Counter()
    for path in files(stack):
        messages = list(_messages(path, 0))
        # NGINX writes the local time, and TZ may have another one here: the last message is as old as the file.
        newest = path.stat().st_mtime
        for at, level, text in messages:
            seconds = newest - (messages[-1][0] - at).total_seconds()
            if seconds + 1 >= max(began, time.time() - _RECENT_S):
                number = next((one for one, words in _KINDS.items() if re.search(words, text)), 806)
                if number != 806 or level in _WORST:
                    found[number, re.sub(r"\b\d+\.\d{3}\b|#\d+", "…", text)] += 1
    return found


def _said(stack: RunningSite, number: int) -> Iterator[Evidence]:
    for (kind, text), times in recent(stack).most_common():
        if kind == number:
            yield Evidence(f"{text}{f' ({times} times)' if times > 1 else ''}")


for _number in (*_KINDS, 806):
    if _number != 801:
        check(_number)(partial(_said, number=_number))


@check(801)
def room(stack: RunningSite) -> Iterator[Evidence]:
    with suppress(Skipped):
        found = {line.words[0]: line.words[-1] for line, _ in each_line((stack.main,)) if line.words[1:]}
        connections = int(found.get("worker_connections", 512))
        most = int(found.get("worker_rlimit_nofile", connections))
        if connections < _FEW_CONNECTIONS:
            yield Evidence(f"`worker_connections` is {connections}", "warn")
        if most < connections:
            yield Evidence(
                f"`worker_rlimit_nofile` is {most}, below {connections} `worker_connections`", "warn"
            )
    yield from _said(stack, 801)
