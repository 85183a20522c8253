"""`xaccel spans`: send transfers to OpenTelemetry, from the entries of NGINX's log."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from xaccel.cli.command import FindObject, make_command
from xaccel.errors import XaccelError
from xaccel.site import Site

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_EVERY_S = 0.5
_INSTALL = (
    "Run `pip install opentelemetry-exporter-otlp-proto-http`, or install xaccel with its extra `otel`."
)
_ATTRIBUTES = {
    "method": "http.request.method",
    "status": "http.response.status_code",
    "body_bytes": "http.response.body.size",
    "protocol": "network.protocol.version",
    "ip": "client.address",
    "subject": "user.id",
    "id": "xaccel.transfer_id",
    "origin": "xaccel.origin",
    "origin_status": "xaccel.origin_status",
    "origin_seconds": "xaccel.origin_seconds",
    "cache": "xaccel.cache",
    "completion": "xaccel.completion",
    "why": "error.type",
}
"""By field of a log entry. Those without xaccel: https://opentelemetry.io/docs/specs/semconv/http/http-spans/"""
PERSONAL = ("client.address", "user.id")
_MOST = 2**63
"""OTLP has integers and times below this number. One that it cannot hold would lose its whole batch."""
_NUMBERS = {"http.response.status_code": int, "xaccel.origin_status": int, "xaccel.origin_seconds": float}


def _send_spans(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    log, hidden = Path(args.log or site.transfer_log), set(PERSONAL).difference(args.personal)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        provider = _provider()
        stack.callback(provider.shutdown)  # sends what waits
        tracer = provider.get_tracer("xaccel")
        entries = lines(log, follow=not args.once)  # opened before the message: what comes after it is sent
        print(f"Sending the transfers of {log} as spans. Ctrl-C ends it.", flush=True)
        for line in entries:
            with suppress(Exception):  # not an entry; json alone raises RecursionError too
                _send(tracer, json.loads(line), hidden)


def _provider() -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise XaccelError(f"{error.name} is not installed", where="spans", remedy=_INSTALL) from error
    # OTEL_SERVICE_NAME does not replace a name that is given here.
    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "nginx"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def lines(log: Path, *, follow: bool) -> Iterator[bytes]:
    """Return the lines of a log. follow: those that are written from now on, through rotations; else those in it.

    Raises OSError for a log that cannot be read.
    """
    file = log.open("rb", buffering=0)
    file.seek(0, os.SEEK_END if follow else os.SEEK_SET)
    return _lines_from(file, log, follow=follow)


def _lines_from(file: IO[bytes], log: Path, *, follow: bool) -> Iterator[bytes]:
    rest = b""
    try:
        while True:
            # Before the read: nothing is written to the old file after it.
            is_rotated = _is_rotated(log, file)
            while block := file.read(1 << 20):
                *whole, rest = (rest + block).split(b"\n")
                yield from whole
            if not follow:
                return
            if is_rotated:
                file.close()
                file, rest = log.open("rb", buffering=0), b""
            elif file.tell() > os.fstat(file.fileno()).st_size:
                file.seek(0)  # copytruncate of logrotate
            else:
                time.sleep(_EVERY_S)
    finally:
        file.close()


def _is_rotated(log: Path, file: IO[bytes]) -> bool:
    """Tell whether NGINX writes to another file of this name: logrotate makes it before NGINX opens it."""
    try:
        status = log.stat()
    except FileNotFoundError:
        return False
    return status.st_size > 0 and not os.path.samestat(status, os.fstat(file.fileno()))


def _send(tracer: Any, entry: Mapping[str, Any], hidden: Collection[str]) -> None:
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind, Status, StatusCode

    found = {name: entry.get(field, "") for field, name in _ATTRIBUTES.items() if name not in hidden}
    found["network.protocol.version"] = str(entry["protocol"]).removeprefix("HTTP/").removesuffix(".0")
    attributes = {
        name: _sendable(_NUMBERS.get(name, lambda same: same)(value))
        for name, value in found.items()
        if value != ""
    }
    end, seconds = float(entry["end"]), float(entry["seconds"])
    start_ns, end_ns = round((end - seconds) * 1e9), round(end * 1e9)
    if not 0 <= start_ns <= end_ns < _MOST:
        raise ValueError("a time out of range")
    span = tracer.start_span(
        _sendable(entry["method"]),
        context=extract({"traceparent": entry["traceparent"]}),
        kind=SpanKind.SERVER,
        attributes=attributes,
        start_time=start_ns,
    )
    if int(entry["status"]) >= 500:
        span.set_status(Status(StatusCode.ERROR))
    span.end(end_ns)


def _sendable(value: str | float) -> str | float:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if -_MOST <= value < _MOST:
        return value
    raise ValueError("a number out of range")


COMMAND = make_command("spans", run=_send_spans)
