"""`xaccel spans`: transfers reach a real receiver of OTLP as spans, with nothing that was not asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.live.conftest import Live
from tests.servers.origin import Answer
from xaccel_testing.servers.processes import wait_until

TRACE, PARENT = "a" * 32, "b" * 16
SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
transfer_log = "{log}"
[origins.media]
type = "local"
root = "/srv"
"""


@dataclass
class Receiver:
    """What a collector got: the spans and the attributes of their resource."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)

    def take(self, request: ExportTraceServiceRequest) -> None:
        for group in request.resource_spans:
            self.resource |= {each.key: each.value.string_value for each in group.resource.attributes}
            self.spans += [span for scope in group.scope_spans for span in scope.spans]

    def attributes(self, number: int) -> dict[str, Any]:
        found = {each.key: each.value for each in self.spans[number].attributes}
        return {name: getattr(value, value.WhichOneof("value")) for name, value in found.items()}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            received.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_port}"
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def spans(folder: Path, log: Path, receiver: Receiver, *words: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "site.toml").write_text(SITE.format(log=log))
    env = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    command = [sys.executable, "-m", "xaccel", "spans", str(folder / "site.toml"), *words]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith(f"Sending the transfers of {log} as spans.")
            yield process
        finally:
            process.kill()


def test_transfers_are_spans_of_the_requests_trace_through_a_rotation(
    live: Live, tmp_path: Path, receiver: Receiver
) -> None:
    log = live.nginx.directory / "xaccel.log"
    live.get("partner", "before")
    assert wait_until(lambda: bool(live.nginx.lines()), timeout_s=5)
    with spans(tmp_path, log, receiver) as process:
        parent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        [first] = live.new_lines(lambda: live.get("partner", "secret-key.txt", headers=parent))
        log.rename(log.with_name("xaccel.log.1"))
        log.touch()
        live.nginx.server.signal(signal.SIGUSR1)
        assert wait_until(
            lambda: live.get("partner", "x").status == 200 and log.stat().st_size > 0, timeout_s=5
        )
        live.places.origin.answer = lambda _: Answer(status=500)
        [failed] = live.new_lines(lambda: live.get("partner", "broken"))
        assert wait_until(
            lambda: failed["id"] in str(receiver.spans) and first["id"] in str(receiver.spans), timeout_s=10
        )
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
        assert (process.returncode, output) == (130, "")

    span = receiver.spans[0]
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.name) == (TRACE, PARENT, "GET")
    assert span.kind == span.SPAN_KIND_SERVER
    assert span.end_time_unix_nano == round(first["end"] * 1e9)
    assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(
        first["seconds"] * 1e9, abs=1000
    )
    assert receiver.attributes(0) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.response.body.size": 15,
        "network.protocol.version": "1.1",
        "xaccel.transfer_id": first["id"],
        "xaccel.origin": "partner",
        "xaccel.origin_status": 200,
        "xaccel.origin_seconds": float(first["origin_seconds"]),
        "xaccel.completion": "OK",
    }
    assert receiver.resource["service.name"] == "nginx"
    assert receiver.spans[-1].status.code == receiver.spans[-1].status.STATUS_CODE_ERROR
    assert receiver.attributes(-1)["error.type"] == "origin_500"
    sent = str(receiver.spans)
    assert [word for word in ("secret-key", first["subject"], "127.0.0.1", "Signature") if word in sent] == []


def test_personal_attributes_are_sent_on_request(live: Live, tmp_path: Path, receiver: Receiver) -> None:
    [entry] = live.new_lines(lambda: live.get("partner", "a.txt"))
    log = tmp_path / "own.log"
    lines = (live.nginx.directory / "xaccel.log").read_text().splitlines()
    own = next(line for line in lines if entry["id"] in line)
    log.write_text(f"not an entry\n{own}\n{{}}\n[]\n")
    words = ["--once", "--personal", "client.address", "--personal", "user.id"]
    with spans(tmp_path, log, receiver, *words) as process:
        output, _ = process.communicate(timeout=20)
    assert output == ""
    assert len(receiver.spans) == 1
    assert {"client.address": "127.0.0.1", "user.id": entry["subject"]}.items() <= receiver.attributes(
        0
    ).items()


ENTRY = {
    "id": "first",
    "origin": "media",
    "method": "GET",
    "protocol": "HTTP/1.1",
    "status": "200",
    "body_bytes": 4,
    "end": 1764200000.5,
    "seconds": 0.25,
    "ip": "192.0.2.7",
    "traceparent": "",
}
BAD = [
    *({"end": end} for end in (1e308, 1e290, -1.0, float("nan"), "x", None)),
    *({"body_bytes": size} for size in (2**70, [1], float("inf"))),
    {"status": "9" * 30},
    {"method": "\ud800", "origin": "\ud800"},
    {"traceparent": 1},
]


def test_a_line_that_is_no_entry_loses_none_behind_it(tmp_path: Path, receiver: Receiver) -> None:
    log = tmp_path / "xaccel.log"
    deep = "[" * 100_000 + "]" * 100_000
    bad = [json.dumps({**ENTRY, "id": "bad", **fields}) for fields in BAD]
    log.write_text("\n".join([json.dumps(ENTRY), deep, *bad, "", json.dumps({**ENTRY, "id": "last"}), ""]))
    with spans(tmp_path, log, receiver, "--once") as process:
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "")
    ids = [receiver.attributes(number)["xaccel.transfer_id"] for number in range(len(receiver.spans))]
    assert (ids[0], ids[-1]) == ("first", "last")
