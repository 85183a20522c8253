"""Is each byte of an archive right, however clients read it, and whatever ends or fails meanwhile?

Random ranges and downloads that are cut again and again, on two NGINX by turns, and archives whose members fail.
Clients, NGINX and the app are killed. No table is about time.
"""

from __future__ import annotations

import http.client
import random
import shutil
import subprocess
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from benchmarks.contenders.zip_groups import Group, members_of
from benchmarks.contenders.zip_harm import Harmed
from benchmarks.contenders.zip_stage import Restarted, Stage, front, stage
from benchmarks.measure.question import Question, Size, Table, Target, require
from xaccel.features.archives.layout import Layout
from xaccel_testing import free_ports

_RANGES = {"full": 10_000, "quick": 1_000, "smoke": 60}
_CUTS = {"full": 1_000, "quick": 60, "smoke": 4}
_FAILURES = {"full": 10_000, "quick": 500, "smoke": 25}
_EACH = 20
"""NGINX or the app is killed at the first of so many cuts, and before every so many hundred ranges."""
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
        expected = _archive(running, "soak", Group(paths, 400), Group(paths, 100, "directory"))[1]
        fronts = [open_.enter_context(_Front(running, number)) for number in range(2)]
        soak = _Soak(running, fronts, expected, drawn)
        ranges = soak.ranges(_RANGES[size])
        cuts = {
            name: soak.cuts(name, _CUTS[size] // len(_CLIENTS)) for name in _CLIENTS if shutil.which(name)
        }
        failed = _failures(running, drawn, _FAILURES[size])
        kills = sum(one.kills for one in fronts), running.app.kills
    rows = [("random ranges", ranges, 0), *((f"cuts of {name}", count, 0) for name, count in cuts.items())]
    wrong = Target(what="wrong bytes", limit=0, measured=0, unit="bytes", timed=False)
    false = Target(
        what="archives that look whole and are not", limit=0, measured=0, unit="archives", timed=False
    )
    return [
        Table(
            title=f"An archive of {len(expected) / 1e6:.0f} MB in 500 members, read in pieces",
            columns=("pieces", "number", "wrong"),
            rows=tuple(rows),
            note=f"All bytes were compared. Two NGINX by turns, of which {kills[0]} were killed and started again,"
            f" and the app {kills[1]} times.",
            targets=(wrong,),
        ),
        Table(
            title="An archive of 119 members, one of which fails before the download or during it",
            columns=(
                "the member is",
                "broken transfers",
                "whole archives",
                "that are not what they look like",
            ),
            rows=tuple(
                (kind, failed[kind, False], failed[kind, True], 0)
                for kind in sorted({kind for kind, _ in failed})
            ),
            note="The bytes before a break are right, and each broken transfer was continued to the same archive.",
            targets=(false,),
        ),
    ]


def _archive(running: Stage, name: str, *groups: Group) -> tuple[Layout, bytes]:
    """Name an archive, and return its layout and its bytes, made of the files."""
    running.describe(name, *groups)
    layout = Layout.of(members_of(group.described() for group in groups))
    pieces = (
        piece
        if isinstance(piece, bytes)
        else (running.files / layout[piece.number].ref.key).read_bytes()[piece.first : piece.end]
        for piece in layout.pieces(0, layout.size)
    )
    return layout, b"".join(pieces)


class _Front(Restarted):
    """One of the two NGINX."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.port, listen = free_ports(2)
        folder = stage.folder / f"front-{number}"
        super().__init__(
            partial(
                front, stage.site, stage.variant, folder, app=stage.app_address, port=self.port, listen=listen
            )
        )


def _failures(running: Stage, drawn: random.Random, count: int) -> Counter[tuple[str, bool]]:
    """Let members fail, and return what became of the archives."""
    small, middle, large = (sorted(running.files.glob(f"{name}-*")) for name in ("small", "middle", "large"))
    groups = [Group(small[:60], 60), Group(middle, 20, "directory"), Group(large[:1], 1)]
    groups += [Group(small[60:61], 8, "slow"), Group(small[61:91], 30)]
    layout, expected = _archive(running, "harmed", *groups)
    harmed = Harmed(running, layout, expected, drawn)
    for number in range(count):
        if number and number % (50 * _EACH) == 0:
            running.app.kill()
        harmed.run(number)
    return harmed.seen


@dataclass(frozen=True, slots=True)
class _Soak:
    """An archive with the bytes `expected`, which two NGINX send by turns."""

    running: Stage
    fronts: list[_Front]
    expected: bytes
    drawn: random.Random

    def ranges(self, count: int) -> int:
        """Compare random ranges of all lengths, and return their number."""
        for number in range(count):
            one = self.fronts[number % 2]
            if number and number % (100 * _EACH) == 0:
                self._kill(one)
            first = self.drawn.randrange(len(self.expected))
            length = self.drawn.choice((1, 30, 5_000, 200_000, 3_000_000))
            due = self.expected[first : first + length]
            connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=120)
            span = f"bytes={first}-{first + len(due) - 1}"
            connection.request("GET", "/zip/soak?version", headers={"Range": span})
            response = connection.getresponse()
            body = response.read()
            connection.close()
            require(response.status == 206 and body == due, f"{span} is wrong")
        return count

    def cuts(self, client: str, count: int) -> int:
        """Download until so many downloads were cut, compare the files, and return the number of cuts."""
        file, cuts = self.running.folder / f"{client}.zip", 0
        while cuts < count:
            for left in (file, file.with_name(f"{file.name}.aria2")):
                left.unlink(missing_ok=True)
            is_whole = False
            while not is_whole:
                one = self.fronts[cuts % 2]
                url = f"http://127.0.0.1:{one.port}/zip/soak?version"
                command = [*_CLIENTS[client].split(), file.name, url]
                with subprocess.Popen(command, cwd=file.parent, stderr=subprocess.DEVNULL) as downloading:
                    try:
                        status = downloading.wait(self.drawn.uniform(0.02, 0.4) if cuts < count else 120)
                    except subprocess.TimeoutExpired:
                        cuts += 1
                        if cuts % _EACH == 1:
                            self._kill(one)
                        downloading.kill()
                    else:
                        require(status == 0, f"{client} failed: {status}")
                        is_whole = True
            require(file.read_bytes() == self.expected, f"{client} made another file after {cuts} cuts")
        return cuts

    def _kill(self, one: _Front) -> None:
        """Kill NGINX and the app by turns."""
        is_turn = self.running.app.kills < sum(front.kills for front in self.fronts)
        (self.running.app if is_turn else one).kill()


QUESTION = Question(
    asks="whether each byte of an archive is right, through ranges, cuts, kills and failures", answer=answer
)
