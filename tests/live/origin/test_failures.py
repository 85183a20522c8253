"""Every row of docs/reference/failures.md, on a real socket: what the user gets, and what the line says."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import on_all_builds
from tests.live.client import begun
from tests.live.origin.bad_origins import impatient
from tests.live.origin.failure_rows import (
    CUT,
    NEVER_ACCEPTS,
    NO_NAME,
    NOTHING,
    OK,
    REFUSES,
    ROWS,
    WHOLE,
    WRONG_CERTIFICATE,
    Got,
    Row,
    closed,
    page,
    sends,
    stalls,
)
from tests.live.raw_server import raw_server, reset
from tests.live.stage import Stage, line_where, stage, target
from tests.servers.origin import Answer, origin_server
from xaccel_testing import Variant

pytestmark = on_all_builds

BROKEN = Got((200, CUT), "200", "origin_cut", "length", "OK")
BROKEN_CHUNKS = Got((200, CUT), "200", "", "chunked", "OK")
BEGUN = OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 400
CHUNK = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
ALL = [
    *ROWS,
    Row("a head without an end", sends(OK, stalls), page(504, "origin_timeout", "unframed"), times_out=True),
    Row("a body that stalls", sends(BEGUN, stalls), BROKEN, times_out=True),
    Row("a body that is reset", sends(BEGUN, lambda connection, _: reset(connection)), BROKEN),
    Row("chunks that stall", sends(CHUNK, stalls), BROKEN_CHUNKS, times_out=True),
    Row("chunks without a size", sends(CHUNK + b"not a size\r\n"), closed(200, "", "chunked")),
]
"""With failures that the page has no row for."""


def url_of(row: Row, opened: ExitStack, folder: Any) -> dict[str, object]:
    """Start what the row asks for; the origin's options."""
    if callable(row.behave):
        address = opened.enter_context(raw_server(row.behave))
        if "bucket" in row.origin:
            keys = {"access_key": "k", "secret_key": "s", "region": "us-east-1"}
            return {"endpoint_url": f"http://{address}", **keys}
        return {"base_url": f"http://{address}/"}
    if row.behave == WRONG_CERTIFICATE:
        made = opened.enter_context(origin_server(lambda _: Answer(), tls_directory=folder))
        return {"base_url": f"https://origin.test:{made.port}/", "connect_to": [made.address]}
    if row.behave == NO_NAME:
        return {"base_url": "http://nowhere.invalid/"}
    if row.behave == REFUSES:
        bound = opened.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))
        return {"base_url": f"http://127.0.0.1:{bound.getsockname()[1]}/"}
    assert row.behave == NEVER_ACCEPTS
    full = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(2):
        waiting = opened.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
    return {"base_url": f"http://127.0.0.1:{full.getsockname()[1]}/"}


@pytest.fixture(scope="module")
def patient(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(variant, tmp_path_factory.mktemp("failures")) as found:
        yield found


@pytest.fixture(scope="module")
def hasty(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(variant, tmp_path_factory.mktemp("timeouts"), change=impatient) as found:
        yield found


@contextmanager
def running(variant: Variant, folder: Path, **more: Any) -> Iterator[Stage]:
    with ExitStack() as opened:
        origins = {f"row-{i}": {**url_of(row, opened, folder), **row.origin} for i, row in enumerate(ALL)}
        settings = {"cache": {"path": "cache"}, "concurrency": 1, "resolver": ["127.0.0.1:1"], **more}
        yield opened.enter_context(stage(folder / "nginx", variant, origins, **settings))


def seen(raw: bytes) -> tuple[int, str]:
    """Status and end of what came until the connection ended; 9 for HTTP/0.9."""
    if not raw:
        return 0, NOTHING
    if not re.match(rb"HTTP/1\.1 [0-9]{3} ", raw):
        return 9, WHOLE
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    whole = True
    if b"content-length" in fields:
        whole = len(body) == int(fields[b"content-length"])
    elif fields.get(b"transfer-encoding") == b"chunked":
        whole = body.endswith(b"0\r\n\r\n")
    return int(head.split(b" ")[1]), WHOLE if whole else CUT


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.does)
def test_a_failure_has_the_status_and_log_entry_of_the_page(patient: Stage, hasty: Stage, row: Row) -> None:
    running, number = hasty if row.times_out else patient, ALL.index(row)
    origin, subject = f"row-{number}", f"s-{number}"

    def asked(who: str, put: Any = None) -> str:
        return target(origin, "x", {"subject": who, "filename": "a.txt", **row.hand_off}, put)

    def begin(asked: str) -> AbstractContextManager[socket.socket]:
        headers = "".join(f"{name}: {value}\r\n" for name, value in row.headers)
        return begun(running.nginx.port, asked, headers=headers)

    with ExitStack() as opened:
        if row.before == "fetched":
            first = opened.enter_context(begin(asked("before")))
            assert seen(b"".join(iter(lambda: first.recv(65536), b""))) == (200, WHOLE)
        if row.before == "begun":
            first = opened.enter_context(begin(asked(subject)))
            assert first.recv(65536)
        connection = opened.enter_context(begin(asked(subject, row.put)))
        raw = b""
        while not (row.leaves and len(raw) > 1000) and (block := connection.recv(65536)):
            raw += block
        connection.close()
        if row.before == "begun":  # two lines of one subject
            line = line_where(running.nginx, "id", running.hand_offs[-1].event.transfer_id)
        else:
            line = line_where(running.nginx, "subject", subject)
    got = Got(seen(raw), line["status"], line["why"], line["framing"], line["completion"])
    wanted = row.got if running.variant.njs or row.stock is None else row.stock
    if wanted.status == "009" and running.variant.name == "deb":  # its module `sub` removes the text
        wanted = replace(wanted, user=(0, NOTHING))
    assert got == wanted
    assert b"filename" not in raw or got.user[0] < 300
