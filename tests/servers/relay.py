"""A server in front of a real one, which sees each request and can respond in its place."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.servers.origin import Answer, Origin, Request, origin_server

_OF_A_CONNECTION = ("connection", "transfer-encoding", "date", "server")


@dataclass
class Relay:
    """A running relay. `server.requests` are all that came; `change` responds in place of the real server."""

    server: Origin
    change: Callable[[Request], Answer | None]


@contextmanager
def relay_to(url: str) -> Iterator[Relay]:
    """Pass requests as they are, with their Host, so that signatures for the real server stay valid."""
    address = urlsplit(url).netloc

    def answer(request: Request) -> Answer:
        if (changed := relay.change(request)) is not None:
            return changed
        with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            connection.request(request.method, request.target, request.body, dict(request.headers))
            reply = connection.getresponse()
            passed = [pair for pair in reply.getheaders() if pair[0].lower() not in _OF_A_CONNECTION]
            return Answer(reply.status, passed, reply.read())

    with origin_server(answer) as server:
        relay = Relay(server, lambda _: None)
        yield relay
