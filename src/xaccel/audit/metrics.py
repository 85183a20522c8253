"""Metrics of decisions, transfers, downloads and `ingest` for Prometheus. Needs prometheus-client.

No label has a value that a client, a user or a store chooses: a metric has as many series as the site has origins,
times a few words.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from xaccel.audit.models import Download, Transfer
from xaccel.audit.signals import download_completed, transfer_completed
from xaccel.django.conf import configuration
from xaccel.django.decisions import download_authorized, download_denied
from xaccel.events import DownloadEvent
from xaccel.explain.why import WHY

if TYPE_CHECKING:
    from xaccel.audit.ingest.run import Outage
    from xaccel.audit.ingest.sweep import Watched

logger = logging.getLogger("xaccel.audit")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""Bounds of the histogram: from a small object beside NGINX to a large one that is read slowly."""


def label_of(why: str) -> str:
    """Return one of the known words: a status of the origin becomes its class, an unknown word "other"."""
    if status := re.fullmatch(r"origin_([1-5])[0-9]{2}", why):
        return f"origin_{status[1]}xx"
    return why if not why or why in WHY else "other"


def origin_of(name: str) -> str:
    """Return `name` if the site has such an origin, "" for none, else "other"."""
    return name if not name or name in configuration().site.origins else "other"


def _harmless(count: Callable[..., None]) -> Callable[..., None]:
    """Make a receiver log its own failure: a download must not stop because it could not be counted."""

    @wraps(count)
    def counted(*args: Any, **kwargs: Any) -> None:
        try:
            count(*args, **kwargs)
        except Exception:
            logger.exception("a metric was not counted")

    return counted


class Metrics:
    """The metrics of one registry. Raises ValueError where the registry has them already."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def make(kind: Any, name: str, doc: str, *labels: str, **options: Any) -> Any:
            return kind(f"xaccel_{name}", doc, labels, registry=registry, **options)

        self.decisions = make(Counter, "decisions", "Decisions of the app.", "origin", "decision")
        ingested = "Transfers whose log entry was ingested."
        self.transfers = make(Counter, "transfers", ingested, "origin", "outcome", "why")
        given = "Bytes of files that NGINX gave to connections."
        self.sent_bytes = make(Counter, "sent_bytes", given, "origin")
        last_byte = "Time until the last byte of the origin's response."
        self.origin_seconds = make(Histogram, "origin_seconds", last_byte, "origin", buckets=SECONDS)
        complete = "Downloads of which every byte was sent."
        self.downloads = make(Counter, "downloads_completed", complete, "origin")
        missing = "Transfers whose log entry did not come within UNKNOWN_AFTER_S."
        self.unknown = make(Counter, "unknown_transfers", missing)
        awaited = "Transfers that were decided longer ago than `over` and have no log entry yet."
        self.awaited = make(Gauge, "awaited_transfers", awaited, "over")
        self.log_free = make(Gauge, "log_free_bytes", "Free bytes on the disk of the log.", "path")

    @_harmless
    def decided(self, sender: object, *, event: DownloadEvent, **_: Any) -> None:
        """Count a decision."""
        decision = "denied" if not event.allowed else "allowed" if event.transfer_id else "answered"
        self.decisions.labels(origin_of(event.origin), decision).inc()

    @_harmless
    def transferred(self, sender: object, *, transfer: Transfer, **_: Any) -> None:
        """Count a transfer whose log entry has come."""
        origin = origin_of(transfer.origin)
        self.transfers.labels(origin, transfer.outcome, label_of(transfer.why)).inc()
        if transfer.sent:
            self.sent_bytes.labels(origin).inc(transfer.sent)
        if "origin_seconds" in transfer.details:
            self.origin_seconds.labels(origin).observe(transfer.details["origin_seconds"])

    @_harmless
    def completed(self, sender: object, *, download: Download, **_: Any) -> None:
        """Count a download that is complete."""
        self.downloads.labels(origin_of(download.origin)).inc()

    def watched(self, path: str, found: Watched) -> None:
        """Show which log entries are missing."""
        self.unknown.inc(found.unknown)
        for over, many in found.awaited.items():
            self.awaited.labels(over).set(many)
        if found.free is not None:
            self.log_free.labels(path).set(found.free)


@cache
def metrics() -> Metrics:
    """Return the metrics of prometheus-client's own registry."""
    return Metrics(REGISTRY)


def count_decisions() -> None:
    """Count from now on what this process decides: for the app. Calling it twice changes nothing."""
    for signal in (download_authorized, download_denied):
        signal.connect(metrics().decided, dispatch_uid="xaccel.audit.metrics")


def count_transfers() -> None:
    """Count from now on what this process ingests. Calling it twice changes nothing."""
    transfer_completed.connect(metrics().transferred, dispatch_uid="xaccel.audit.metrics")
    download_completed.connect(metrics().completed, dispatch_uid="xaccel.audit.metrics")


def serve(host: str, port: int, outage: Outage) -> Callable[[], None]:
    """Count transfers, and serve `GET /metrics` on `host`:`port` from a thread. Return the function that stops it.

    The gauges of `ingest` itself need no database, so they are available while it is down.

    Raises OSError if the port is not available.
    """
    count_transfers()
    server, thread = start_http_server(port, host)
    waiting = Gauge("xaccel_ingest_waiting", "1 while ingest waits for the database or the log, else 0.")
    waiting.set_function(lambda: outage.since is not None)
    read = "When ingest last had read the log to its end, or a batch of it."
    last = Gauge("xaccel_ingest_last_success_timestamp_seconds", read)
    last.set_function(lambda: outage.last_success.timestamp() if outage.last_success else 0)
    left = "Bytes of the current log that are not ingested; -1 if the log cannot be looked at."
    unread = Gauge("xaccel_ingest_unread_bytes", left)
    unread.set_function(outage.ingest.unread_bytes)
    age = "Age of the oldest entry of the current log that is not ingested; -1 if the log cannot be read."
    lag = Gauge("xaccel_ingest_lag_seconds", age)
    lag.set_function(outage.ingest.lag_s)

    def end() -> None:
        for gauge in (waiting, last, unread, lag):
            REGISTRY.unregister(gauge)
        server.shutdown()
        server.server_close()
        thread.join()

    return end
