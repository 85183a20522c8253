"""Let a member of an archive fail, and look at what the client gets: an archive that looks whole must be whole."""

from __future__ import annotations

import http.client
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from benchmarks.contenders.zip_stage import Stage
from benchmarks.measure.question import require
from tests.servers.origin import Answer
from xaccel.features.archives.layout import Layout


def _put(file: Path, body: bytes, ns: int) -> None:
    """Replace a file. Whoever reads the old one reads it to its end, as an object of S3."""
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(body)
    os.utime(new, ns=(ns, ns))
    new.replace(file)


FILES: dict[str, Callable[[bytes], bytes | None]] = {
    "replaced": lambda body: bytes(len(body)),
    "deleted": lambda _: None,
    "truncated": lambda body: body[: len(body) // 2],
    "grown": lambda body: body + bytes(100),
}
"""What a file of the storage or of the directory has then."""


@contextmanager
def _harmed_file(file: Path, kind: str) -> Iterator[None]:
    """Harm a file until the block ends. It has its content, its time and so its entity tag again then."""
    body, at = file.read_bytes(), file.stat().st_mtime_ns
    other = FILES[kind](body)
    if other is None:
        file.unlink()
    else:
        _put(file, other, at + 10**9)
    try:
        yield
    finally:
        _put(file, body, at)


def _sent(answer: Answer, blocks: Iterable[bytes]) -> Answer:
    """Return a response that announces its length, whatever its blocks are."""
    length = ("Content-Length", str(len(cast("bytes", answer.body))))
    return Answer(status=answer.status, headers=[*answer.headers, length], body=blocks, close=True)


def _slowed(answer: Answer) -> Answer:
    def blocks(body: Any = answer.body) -> Iterator[bytes]:
        for at in range(0, len(body), 300):
            time.sleep(0.002)
            yield body[at : at + 300]

    return _sent(answer, blocks())


def _cut(answer: Answer) -> Answer:
    body: Any = answer.body
    return _sent(answer, [body[: len(body) // 2]])


def _status(status: int) -> Callable[[Answer], Answer]:
    return lambda _: Answer(status=status, body=b"a page of the storage")


ANSWERS: dict[str, Callable[[Answer], Answer]] = {
    "refused with 403": _status(403),
    "missing": _status(404),
    "replaced, by 412": _status(412),
    "failed with 500": _status(500),
    "cut": _cut,
    "hung up": lambda _: Answer(raw=b""),
    "slowed": _slowed,
}
"""What befalls a response of the HTTP origin. All but "slowed" must break the archive."""

DENIED = "denied by the app"


class Harmed:
    """An archive whose members fail. expected: its bytes. seen: runs by what befell a member, and if all bytes came."""

    def __init__(self, running: Stage, layout: Layout, expected: bytes, drawn: random.Random) -> None:
        self._running, self._layout, self._expected, self._drawn = running, layout, expected, drawn
        self.seen: Counter[tuple[str, bool]] = Counter()

    def run(self, number: int) -> None:
        """Let a member fail before a request or during it, then continue the download. Raises WrongAnswer."""
        drawn, whole = self._drawn, len(self._expected)
        member = self._layout[drawn.randrange(len(self._layout))]
        origin, key = member.ref.origin, member.ref.key
        kind = drawn.choice([DENIED, *(ANSWERS if origin == "slow" else FILES)])
        first, end = 0, whole
        if drawn.random() < 0.5:
            first = drawn.randrange(member.ends)
            end = drawn.randrange(max(first, member.begins), whole) + 1
        is_early = kind == DENIED or drawn.random() < 0.6
        what = f"run {number}: {key} of {origin} is {kind}, {first} to {end}, {'before' if is_early else 'during'}"
        due = self._expected[first:end]
        with ExitStack() as harm:
            if is_early:
                self._harm(kind, key, harm)
            subject = f"not {key}" if kind == DENIED else "7"
            with self._asked(first, end, subject) as response:
                body = _read(response, 0 if is_early else drawn.randrange(len(due)))
                if not is_early:
                    self._harm(kind, key, harm)
                body += _read(response, whole)
        if response.status >= 400:
            body = b""
        require(body == due[: len(body)], f"{what}: wrong bytes")
        must_break = is_early and first < member.ends and end > member.data and kind != "slowed"
        require(not (must_break and len(body) == len(due)), f"{what}: it looks whole, and is not")
        self.seen[kind, len(body) == len(due)] += 1
        if len(body) < len(due):
            with self._asked(first + len(body), end, "7") as response:
                body += _read(response, whole)
            require(response.status == 206 and body == due, f"{what}: it is continued with other bytes")

    def _harm(self, kind: str, key: str, until: ExitStack) -> None:
        if kind in FILES:
            until.enter_context(_harmed_file(self._running.files / key, kind))
        elif kind in ANSWERS:
            origin, well = self._running.origin, self._running.origin.answer
            until.callback(setattr, origin, "answer", well)
            origin.answer = lambda request: ANSWERS[kind](well(request))

    @contextmanager
    def _asked(self, first: int, end: int, subject: str) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._running.nginx.port, timeout=600)
        path = f"/zip/harmed?version&subject={quote(subject)}"
        connection.request("GET", path, headers={"Range": f"bytes={first}-{end - 1}"})
        with closing(connection), connection.getresponse() as response:
            yield response


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    """Return at most so many bytes, fewer if the transfer breaks."""
    body = bytearray()
    with suppress(OSError):
        while len(body) < most and (block := response.read(min(65536, most - len(body)))):
            body += block
    return bytes(body)
