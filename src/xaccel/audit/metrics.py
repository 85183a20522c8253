"""Metrics of decisions, transfers, downloads and `ingest` for Prometheus. Needs prometheus-client.

No label has a value that a client, a user or a storage chooses: a metric has as many series as the site has origins,
times a few words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server

from xaccel.audit.models import Download, Transfer
from xaccel.audit.signals import download_completed, logger, transfer_completed
from xaccel.django.conf import configuration
from xaccel.django.decisions import download_authorized, download_denied
from xaccel.errors import InputRefused
from xaccel.events import DownloadEvent
from xaccel.site.transfer_log import REASONS

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""Bounds of the histogram: from a small object beside NGINX to a large one that is read slowly."""

DECISIONS = Counter("xaccel_decisions", "Decisions of the app.", ["origin", "decision"])
TRANSFERS = Counter(
    "xaccel_transfers", "Transfers whose log entry was ingested.", ["origin", "outcome", "why"]
)
GRANT_USES = Counter(
    "xaccel_grant_uses", "Transfers by a decision that NGINX remembered, without asking the app.", ["origin"]
)
SENT_BYTES = Counter("xaccel_sent_bytes", "Bytes of files that NGINX gave to connections.", ["origin"])
ORIGIN_SECONDS = Histogram(
    "xaccel_origin_seconds", "Time until the last byte of the origin's response.", ["origin"], buckets=SECONDS
)
DOWNLOADS = Counter("xaccel_downloads_completed", "Downloads of which every byte was sent.", ["origin"])
UNKNOWN = Counter(
    "xaccel_unknown_transfers", "Transfers whose log entry did not come within UNKNOWN_AFTER_S."
)
AWAITED = Gauge(
    "xaccel_awaited_transfers",
    "Transfers that were decided longer ago than `over` and have no log entry yet.",
    ["over"],
)
LOG_FREE = Gauge("xaccel_log_free_bytes", "Free bytes on the disk of the log.", ["path"])


def label_of(why: str) -> str:
    """Return one of the known words: a status of the origin becomes its class, an unknown word "other"."""
    if status := re.fullmatch(r"origin_([1-5])[0-9]{2}", why):
        return f"origin_{status[1]}xx"
    return why if not why or why in REASONS else "other"


def origin_of(name: str) -> str:
    """Return `name` if the site has such an origin, "" for none, else "other"."""
    site = configuration().site
    return name if not name or name in site.origins or name in site.assembler else "other"


@contextmanager
def _harmless() -> Iterator[None]:
    """Let a receiver log its own failure: a download must not stop because it could not be counted."""
    try:
        yield
    except Exception:  # noqa: BLE001  (it is logged)
        logger.exception("a metric was not counted")


@_harmless()
def decided(sender: object, *, event: DownloadEvent, **_: Any) -> None:
    """Count a decision."""
    decision = "denied" if not event.allowed else "allowed" if event.transfer_id else "answered"
    DECISIONS.labels(origin_of(event.origin), decision).inc()


@_harmless()
def transferred(sender: object, *, transfer: Transfer, **_: Any) -> None:
    """Count a transfer whose log entry has come."""
    origin = origin_of(transfer.origin)
    TRANSFERS.labels(origin, transfer.outcome, label_of(transfer.why)).inc()
    if "grant" in transfer.details:
        GRANT_USES.labels(origin).inc()
    if transfer.sent:
        SENT_BYTES.labels(origin).inc(transfer.sent)
    if "origin_seconds" in transfer.details:
        ORIGIN_SECONDS.labels(origin).observe(transfer.details["origin_seconds"])


@_harmless()
def completed(sender: object, *, download: Download, **_: Any) -> None:
    """Count a download that is complete."""
    DOWNLOADS.labels(origin_of(download.origin)).inc()


def watched(path: Path, unknown: int, free: int | None, awaited: Mapping[str, int]) -> None:
    """Show which log entries are missing: what `sweep` and `watch` returned."""
    UNKNOWN.inc(unknown)
    for over, many in awaited.items():
        AWAITED.labels(over).set(many)
    if free is not None:
        LOG_FREE.labels(str(path)).set(free)


def count_decisions() -> None:
    """Count from now on what this process decides: for the app. Calling it twice changes nothing."""
    for signal in (download_authorized, download_denied):
        signal.connect(decided, dispatch_uid="xaccel.audit.metrics")


def count_transfers() -> None:
    """Count from now on what this process ingests. Calling it twice changes nothing."""
    transfer_completed.connect(transferred, dispatch_uid="xaccel.audit.metrics")
    download_completed.connect(completed, dispatch_uid="xaccel.audit.metrics")


@contextmanager
def serve(
    address: tuple[str, int],
    *,
    waits: Callable[[], bool],
    last_success: Callable[[], float],
    lag_s: Callable[[], float],
) -> Iterator[None]:
    """Count transfers, and serve `GET /metrics` at `address` from a thread meanwhile.

    The gauges of `ingest` itself need no database, so they are available while it is down.
    """
    host, port = address
    try:
        server, thread = start_http_server(port, host)
    except OSError as error:
        what = f"the address is not available: {error.strerror or error}"
        remedy = "Give an address of this machine and a port that is free."
        raise InputRefused(what, where="--metrics", remedy=remedy) from error
    count_transfers()
    gauges, success = [], "When ingest last had read the log to its end, or a batch of it."
    age = "Age of the oldest entry of the current log that is not ingested; -1 if the log cannot be read."
    for name, doc, function in (
        ("waiting", "1 while ingest waits for the database or the log, else 0.", waits),
        ("last_success_timestamp_seconds", success, last_success),
        ("lag_seconds", age, lag_s),
    ):
        gauges.append(Gauge(f"xaccel_ingest_{name}", doc))
        gauges[-1].set_function(function)
    try:
        yield
    finally:
        for gauge in gauges:
            REGISTRY.unregister(gauge)
        server.shutdown()
        server.server_close()
        thread.join()
