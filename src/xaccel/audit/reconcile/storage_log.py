"""Read the access log of a storage: S3 server access logs, and the JSON Lines of SeaweedFS.

Request URIs contain signatures, so no log entry is ever shown, and no query is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from xaccel.errors import InputRefused
from xaccel.handoff.identifiers import SENT_PATTERN

_BEGAN = datetime(2006, 3, 1, tzinfo=UTC)
"""Amazon S3 did. A time before it, or after now, would extend what is compared beyond what the log has."""
_CLOCKS = timedelta(days=1)
LONGEST = 1 << 16
"""Bytes of a line. URI, referrer and User-Agent are about 8 KB each."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html; fields may be added at the end.
_S3 = re.compile(
    r"\S+ (?P<bucket>\S+) \[(?P<at>[^\]]+)\] \S+ \S+ (?P<request>\S+) (?P<operation>\S+) (?P<key>\S+)"
    r' (?:"[^"]*"|-) (?P<status>[0-9]{3}|-) \S+ (?P<sent>[0-9]{1,18}|-) \S+ \S+ \S+ (?:"[^"]*"|-)'
    r' (?:"(?P<agent>[^"]*)"|-)(?: .*)?'
)
_AGENT = re.compile(rf"xaccel t=({SENT_PATTERN})")


class StorageRequest(NamedTuple):
    """One request that the storage logged.

    request: the storage's own id of it. transfer: what the User-Agent has of a transfer id; "" for requests of others.
    sent: bytes of the response's body; None if the log does not have them.
    """

    at: datetime
    bucket: str
    key: str
    method: str
    status: int
    sent: int | None
    request: str
    transfer: str

    @property
    def delivered(self) -> bool:
        """Whether bytes of an object were sent."""
        return self.method == "GET" and self.status in (200, 206)


class _Seaweed(msgspec.Struct):
    """weed/s3api/s3err/audit_fluent.go: `AccessLog`. It has no sizes and no URI."""

    time: int
    bucket: str
    operation: str
    status: int
    key: str = ""
    user_agent: str = ""
    request_id: str = ""


class StorageLog:
    """The files of a storage's log.

    After `requests`: the number of lines, of unreadable lines and of downloads by other clients, the times of the first
    and the last request, and the buckets.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Find the files; a folder means all files below it.

        Raises InputRefused for a path without files.
        """
        self.lines = self.unreadable = self.others = 0
        self.first, self.last = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
        self.buckets: set[str] = set()
        self._latest = datetime.now(UTC) + _CLOCKS
        self._files = [file for path in paths for file in _files(path)]

    def requests(self) -> Iterator[StorageRequest]:
        """Read all requests, in no particular order. Other lines are counted as unreadable."""
        for path in self._files:
            with path.open("rb") as file:
                while line := file.readline(LONGEST):
                    if line.isspace():
                        continue
                    self.lines += 1
                    try:
                        request = _of_seaweed(line) if line.startswith(b"{") else _of_s3(line)
                    except (ValueError, OverflowError, OSError, RecursionError, msgspec.MsgspecError):
                        request = None
                    if request is None or not _BEGAN <= request.at <= self._latest:
                        self.unreadable += 1
                        continue
                    self.first, self.last = min(self.first, request.at), max(self.last, request.at)
                    self.others += request.delivered and not request.transfer
                    self.buckets.add(request.bucket)
                    yield request


def _files(path: Path) -> list[Path]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        what = "there is no such file, and no file in such a folder"
        remedy = "Give a file of the storage's access log, or the folder to which you copied the log."
        raise InputRefused(what, where=str(path), remedy=remedy)
    return files


def _of_s3(line: bytes) -> StorageRequest:
    found = _S3.fullmatch(line.decode("utf-8", "replace").rstrip("\r\n"))
    if found is None or found["status"] == "-":
        raise ValueError("not an entry")
    sent = 0 if found["sent"] == "-" else int(found["sent"])
    at, method, transfer = _time(found["at"]), _method(found["operation"]), _transfer(found["agent"] or "")
    bucket, key, status, request = found.group("bucket", "key", "status", "request")
    return StorageRequest(at, bucket, key, method, int(status), sent, request, transfer)


def _of_seaweed(line: bytes) -> StorageRequest:
    said = msgspec.json.decode(line, type=_Seaweed)
    at, method = datetime.fromtimestamp(said.time, UTC), _method(said.operation)
    transfer = _transfer(said.user_agent)
    return StorageRequest(at, said.bucket, said.key, method, said.status, None, said.request_id, transfer)


def _method(operation: str) -> str:
    """Return GET of REST.GET.OBJECT, and of WEBSITE.GET.OBJECT; "" for requests that are of no object."""
    parts = operation.split(".")
    return parts[1] if len(parts) == 3 and parts[2] == "OBJECT" else ""


def _transfer(agent: str) -> str:
    found = _AGENT.fullmatch(agent)
    return found[1] if found else ""


@lru_cache(maxsize=1024)
def _time(text: str) -> datetime:
    return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")
