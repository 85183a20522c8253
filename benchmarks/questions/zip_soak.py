"""Is each byte of an archive right, however clients read it, and whatever ends meanwhile?

Random ranges and downloads that are cut again and again, on two NGINX by turns. Clients and NGINX are killed; the app
is the same. No table is about time.
"""

from __future__ import annotations

import http.client
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from benchmarks.contenders.zip_groups import Group, members_of
from benchmarks.contenders.zip_stage import Stage, front, stage
from benchmarks.measure.question import Question, Size, Table, Target, require
from xaccel.archives.layout import Layout
from xaccel_testing import NginxServer, free_ports

_RANGES = {"full": 10_000, "quick": 1_000, "smoke": 60}
_CUTS = {"full": 1_000, "quick": 60, "smoke": 4}
_EACH = 20
"""NGINX is killed at every so many cuts, and before every so many hundred ranges."""
_CLIENTS = {
    "curl": "curl -sS --limit-rate 20M -C - -o",
    "wget": "wget -q --limit-rate 20M --tries=1 -c -O",
    "aria2c": "aria2c -q -x8 -s8 -k1M --max-overall-download-limit=20M --max-tries=1 -c -o",
}
"""Commands that continue a download, before file and URL; those that are installed are used."""


def answer(size: Size) -> list[Table]:
    """Read ranges, then cut downloads; all bytes are compared. Raises WrongAnswer."""
    drawn = random.Random(28)
    with (
        stage({"small": (150, 1_000), "middle": (20, 70_000), "large": (3, 3_000_000)}) as running,
        ExitStack() as open_,
    ):
        paths = sorted(running.files.iterdir())
        groups = (Group(paths, 400), Group(paths, 100, "directory"))
        running.describe("soak", *groups)
        expected = b"".join(_pieces(groups, running))
        fronts = [open_.enter_context(_Front(running, number).running()) for number in range(2)]
        ranges = _ranges(fronts, expected, drawn, _RANGES[size])
        cuts = {
            name: _cuts(fronts, name, expected, drawn, _CUTS[size] // len(_CLIENTS))
            for name in _CLIENTS
            if shutil.which(name)
        }
        killed = sum(one.killed for one in fronts)
    rows = [("random ranges", ranges, 0), *((f"cuts of {name}", count, 0) for name, count in cuts.items())]
    wrong = Target(what="wrong bytes", limit=0, measured=0, unit="bytes", timed=False)
    return [
        Table(
            title=f"An archive of {len(expected) / 1e6:.0f} MB in 500 members, read in pieces",
            columns=("pieces", "number", "wrong"),
            rows=tuple(rows),
            note=f"All bytes were compared. Two NGINX by turns, of which {killed} were killed and started again.",
            targets=(wrong,),
        )
    ]


def _pieces(groups: tuple[Group, ...], running: Stage) -> Iterator[bytes]:
    """Yield the archive, made of its layout and of the files."""
    layout = Layout.of(members_of(group.described() for group in groups))
    for piece in layout.pieces(0, layout.size):
        if isinstance(piece, bytes):
            yield piece
        else:
            yield (running.files / layout[piece.member].ref.key).read_bytes()[piece.first : piece.end]


class _Front:
    """One of the two NGINX, which is killed and started again at the same address."""

    def __init__(self, stage: Stage, number: int) -> None:
        self._stage, self.folder = stage, stage.folder / f"front-{number}"
        self.port, self._listen = free_ports(2)
        self._open, self.killed = ExitStack(), 0
        self._nginx: NginxServer | None = None

    @contextmanager
    def running(self) -> Iterator[_Front]:
        """Start it, and stop it in the end."""
        self._start()
        try:
            yield self
        finally:
            self._open.close()

    def _start(self) -> None:
        one = self._stage
        made = front(
            one.site, one.variant, self.folder, app=one.app.address, port=self.port, listen=self._listen
        )
        self._nginx = self._open.enter_context(made)

    def kill(self) -> None:
        """Let all its processes end at once, and start it again."""
        assert self._nginx is not None
        for pid in self._nginx.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._open.close()
        self.killed += 1
        self._start()


def _ranges(fronts: list[_Front], expected: bytes, drawn: random.Random, count: int) -> int:
    """Compare random ranges of all lengths, and return their number."""
    for number in range(count):
        one = fronts[number % 2]
        if number and number % (100 * _EACH) == 0:
            one.kill()
        first = drawn.randrange(len(expected))
        end = min(len(expected), first + drawn.choice((1, 30, 5_000, 200_000, 3_000_000)))
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=120)
        connection.request("GET", "/zip/soak?version", headers={"Range": f"bytes={first}-{end - 1}"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        require(response.status == 206 and body == expected[first:end], f"bytes {first} to {end} are wrong")
    return count


def _cuts(fronts: list[_Front], client: str, expected: bytes, drawn: random.Random, count: int) -> int:
    """Download until so many downloads were cut, compare the files, and return the number of cuts."""
    file, cuts = fronts[0].folder.parent / f"{client}.zip", 0
    while cuts < count:
        for left in (file, file.with_name(f"{file.name}.aria2")):
            left.unlink(missing_ok=True)
        is_whole = False
        while not is_whole:
            one = fronts[cuts % 2]
            command = [*_CLIENTS[client].split(), file.name, f"http://127.0.0.1:{one.port}/zip/soak?version"]
            with subprocess.Popen(command, cwd=file.parent, stderr=subprocess.DEVNULL) as downloading:
                try:
                    status = downloading.wait(drawn.uniform(0.02, 0.4) if cuts < count else 120)
                except subprocess.TimeoutExpired:
                    cuts += 1
                    if cuts % _EACH == 0:
                        one.kill()
                    downloading.kill()
                else:
                    require(status == 0, f"{client} failed: {status}")
                    is_whole = True
        require(file.read_bytes() == expected, f"{client} made another file after {cuts} cuts")
    return cuts


QUESTION = Question(
    asks="whether each byte of an archive is right, through ranges, cuts and kills", answer=answer
)
