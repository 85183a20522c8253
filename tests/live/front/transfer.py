"""One request and its response over any HTTP version; the kind of ending is reported by the client."""

from __future__ import annotations

import http.client
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.live.client import Reply

TIMEOUT_S = 60
NAME = "localhost"
"""Of the certificate, and the authority of each request."""
BREACH = "against the protocol: "
"""How `Transfer.ended` begins where the client had to give up on what it was sent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `target` goes out byte for byte."""

    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class Transfer(ABC):
    """A request that was sent.

    status, headers: None and empty until the head has come. ended: in the protocol's own words, empty while it runs.
    complete: the protocol itself marked the end.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = b""
        self.ended = ""
        self.complete = False

    @abstractmethod
    def receive(self) -> None:
        """Take in what the network has next. Raises TimeoutError after TIMEOUT_S of silence."""

    @abstractmethod
    def abort(self) -> None:
        """Go away in the middle, as a browser does whose user clicked it off."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection, with all other transfers on it."""

    def until_head(self) -> Self:
        while self.status is None and not self.ended:
            self.receive()
        return self

    def until_bytes(self, count: int) -> Self:
        while len(self.body) < count and not self.ended:
            self.receive()
        return self

    def until_end(self) -> Self:
        while not self.ended:
            self.receive()
        return self

    def end(self, how: str, *, complete: bool = False) -> None:
        """The first end counts: a server may reset a request's body after its whole answer."""
        if not self.ended:
            self.ended, self.complete = how, complete

    def reply(self) -> Reply:
        """The whole answer. Raises what http.client raises for a missing head and for a body that was cut."""
        self.until_end()
        if self.status is None:
            raise http.client.RemoteDisconnected(self.ended)
        if not self.complete:
            raise http.client.IncompleteRead(self.body)
        return Reply(self.status, self.headers, self.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


def fields(asked: Asked) -> list[tuple[str, str]]:
    """The header fields of a request in HTTP/2 and HTTP/3."""
    return [
        (":method", asked.method),
        (":scheme", "https"),
        (":authority", NAME),
        (":path", asked.target),
        *((name.lower(), value) for name, value in asked.headers),
        *([("content-length", str(len(asked.body)))] if asked.body is not None else []),
    ]


def split(received: Iterable[tuple[bytes, bytes]]) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and headers of a head in HTTP/2 and HTTP/3."""
    text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in received]
    [status] = [int(value) for name, value in text if name == ":status"]
    return status, tuple((name, value) for name, value in text if not name.startswith(":"))


def tls_context(ca_file: Path, protocol: str) -> ssl.SSLContext:
    """A client's context that trusts `ca_file` alone and asks for one protocol by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    context.set_alpn_protocols([protocol])
    return context
