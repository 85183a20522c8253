"""The requests of a trace: to the front door as a client, and to the origin and its redirects as NGINX sends them."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import BaseHandler, Request

from xaccel.explain.origin_request import address_of, connection, opener
from xaccel.site.origins import RemoteOrigin

Pairs = tuple[tuple[str, str], ...]
TIMEOUT_S = 30.0
"""NGINX waits as long for an origin."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """A request and its response. status: 0 without a response. seconds: of each phase."""

    method: str
    url: str
    sent: Pairs
    status: int = 0
    came: Pairs = ()
    seconds: dict[str, float] = field(default_factory=dict)
    body_bytes: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    problem: str = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure one phase."""
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start


def fetch(url: str, method: str, sent: Pairs, connect_to: str, ca_file: str | None) -> Seen:
    """Send one request as a client, and read the whole response."""
    parts, seen = urlsplit(url), Seen(method=method, url=url, sent=sent)
    kind: Callable[..., Any] = http.client.HTTPConnection
    if parts.scheme == "https":
        kind = partial(http.client.HTTPSConnection, context=ssl.create_default_context(cafile=ca_file))
    servers = [address_of(connect_to)] if connect_to else []
    made = connection(kind, parts.netloc, servers, timeout=TIMEOUT_S)
    try:
        with seen.phase("connect"):
            made.connect()
        with seen.phase("wait"):
            has_host = any(name.lower() == "host" for name, _ in sent)
            target = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
            made.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
            for name, value in sent:
                made.putheader(name, value)
            made.endheaders()
            response = made.getresponse()
        seen.status, seen.came = response.status, tuple(response.getheaders())
        with seen.phase("receive"):
            while block := response.read(65536):
                seen.body_bytes += len(block)
        if method != "HEAD" and response.length:
            seen.problem = f"{response.length} bytes of the body are missing"
    except (OSError, ValueError, http.client.HTTPException) as error:
        seen.problem = f"{type(error).__name__}: {error}"
    finally:
        made.close()
    return seen


def ask_origin(origin: RemoteOrigin, request: Request, passed: Mapping[str, str], agent: str) -> list[Seen]:
    """Send a request to an origin, and follow its redirects as NGINX does. No body is read.

    passed: headers that redirect targets get too. agent: the User-Agent, which the origin alone gets.
    """
    recorder, made = _Recorder(request, agent), opener(origin, request.full_url, passed)
    made.addheaders = []
    made.add_handler(recorder)
    try:
        made.open(request, timeout=TIMEOUT_S).close()
    except HTTPError as error:
        with error:
            if error.headers.get("Location") is not None:
                recorder.seen[-1].problem = "NGINX does not follow this redirect"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        recorder.seen[-1].problem = f"{type(reason).__name__}: {reason}"
    return recorder.seen


class _Recorder(BaseHandler):
    # Before HTTPErrorProcessor, which follows redirects.
    handler_order = 900

    def __init__(self, first: Request, agent: str) -> None:
        self.seen: list[Seen] = []
        self._first, self._agent, self._start = first, agent, 0.0

    def http_request(self, request: Request) -> Request:
        self._start = time.monotonic()
        if (request.type, request.host) == (self._first.type, self._first.host):
            request.add_header("User-Agent", self._agent)
        sent = tuple((name.title(), value) for name, value in request.header_items())
        self.seen.append(Seen(method=request.get_method(), url=request.full_url, sent=sent))
        return request

    def http_response(self, _: Request, response: Any) -> Any:
        last = self.seen[-1]
        last.status, last.came = response.status, tuple(response.headers.items())
        last.seconds["wait"] = time.monotonic() - self._start
        return response

    https_request, https_response = http_request, http_response
