"""The extra otel: an entry of a log becomes a span that arrives at a receiver."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ENTRY = (
    '{"v":1,"id":"019aae21-0000-7000-8000-000000000000","origin":"media","method":"GET","protocol":"HTTP/1.1",'
    '"status":"200","body_bytes":4,"completion":"OK","why":"","end":1764200000.5,"seconds":0.25,"traceparent":""}\n'
)
SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
transfer_log = "{log}"
[origins.media]
type = "local"
root = "/srv"
"""
received: list[bytes] = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


log = Path("transfers.log").resolve()
log.write_text(ENTRY)
Path("site.toml").write_text(SITE.format(log=log))
server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.handle_request, daemon=True).start()
env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
command = [sys.executable, "-I", "-m", "xaccel", "spans", "site.toml", "--once"]
subprocess.run(command, env=env, check=True, timeout=60)
server.server_close()
[request] = [ExportTraceServiceRequest.FromString(body) for body in received]
[span] = request.resource_spans[0].scope_spans[0].spans
assert span.name == "GET"
assert abs(span.end_time_unix_nano - span.start_time_unix_nano - 250_000_000) < 1000, span
