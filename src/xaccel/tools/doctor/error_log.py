"""XA8xx: what NGINX's error log says since its workers began, and what it says about one request."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from xaccel.errors import XaccelError
from xaccel.tools.doctor.check import MESSAGES, REMEDIES, Evidence, check, remedy_for
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.lint.tree import each_line
from xaccel.tools.nginx.processes import workers_of

_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] \d+#\d+: (?:\*\d+ )?([^\n]*)")
_NO_FILES = ("stderr", "syslog:", "memory:", "/dev/null")
_RECENT_S = 3600.0
_MOST_BYTES = 256 * 1024
_MOST_CHARACTERS = 240
_MOST_MESSAGES = 4
_FEW_CONNECTIONS = 64
"""A browser opens up to six, a download takes two."""
_OTHER = "XA806"
_WORST = ("alert", "crit", "emerg")


def files(stack: RunningSite) -> list[Path]:
    """Return the error logs of NGINX's configuration that are files. Raises Skipped."""
    names = [line.words[1] for line, _ in each_line((stack.main,)) if line.words[0] == "error_log"]
    names += stack.main_value("error_log", "--error-log-path", "logs/error.log")[:1]
    paths = (stack.prefix / name for name in dict.fromkeys(names) if not name.startswith(_NO_FILES))
    return [path for path in paths if path.is_file()]


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


@check("XA801", "XA802", "XA803", "XA804", "XA805", _OTHER)
def error_log_has_no_alarm(stack: RunningSite) -> Iterator[Evidence]:
    with suppress(Skipped):
        yield from _limits(stack)
    for (name, text), at in _recent(stack).items():
        times = f"{len(at)} times, " if len(at) > 1 else ""
        own = remedy_for(text) if name == _OTHER else ""
        remedy = " ".join((own, REMEDIES["until_reload"])) if own else ""
        yield Evidence(f"{text} ({times}last at {max(at):%H:%M:%S})", remedy=remedy, check=name)


def _limits(stack: RunningSite) -> Iterator[Evidence]:
    found = {line.words[0]: line.words[-1] for line, _ in each_line((stack.main,)) if line.words[1:]}
    connections = int(found.get("worker_connections", 512))
    if connections < _FEW_CONNECTIONS:
        yield Evidence(f"`worker_connections` is {connections}", "warn", check="XA801")
    most = min((one.max_open_files for one in workers_of(stack.master)), default=connections)
    if most < connections:
        text = f"the running workers may open {most} files, below {connections} `worker_connections`"
        yield Evidence(text, "warn", REMEDIES["limit_of_files"], check="XA801")


def _recent(stack: RunningSite) -> Mapping[tuple[str, str], list[datetime]]:
    """Return when each message of the last hour was written since the workers began, by check; the most frequent first.

    Raises Skipped, and OSError.
    """
    began = 0.0
    with suppress(Skipped):
        began = min((one.began for one in workers_of(stack.master)), default=0.0)
    found: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for path in files(stack):
        messages = list(_messages(path, 0))
        # NGINX writes the local time, and TZ may have another one here: the last message is as old as the file.
        newest = path.stat().st_mtime
        for at, level, text in messages:
            seconds = newest - (messages[-1][0] - at).total_seconds()
            if seconds + 1 >= max(began, time.time() - _RECENT_S):
                name = next((one for one, words in MESSAGES.items() if re.search(words, text)), _OTHER)
                if name != _OTHER or level in _WORST:
                    found[name, re.sub(r"\b\d+\.\d{3}\b|#\d+", "…", text)].append(at)
    return dict(sorted(found.items(), key=lambda one: -len(one[1])))
