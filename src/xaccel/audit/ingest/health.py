"""What Prometheus sees of `ingest` itself: whether it waits for the database or the log, and how far it is behind.

No question is asked of the database, so that these numbers are there while it is away. Needs prometheus-client.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xaccel.audit.ingest.ingest import Ingest


class Health(Collector):
    """The gauges of one `ingest`."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest

    def collect(self) -> Iterator[Metric]:
        """Return the gauges as they are now."""
        outage = self.ingest.outage
        waits, since = outage.since is not None, outage.last_success
        yield GaugeMetricFamily(
            "xaccel_ingest_waiting",
            "1 while ingest waits for the database or the log, else 0.",
            value=float(waits),
        )
        yield GaugeMetricFamily(
            "xaccel_ingest_last_success_timestamp_seconds",
            "When ingest last had read the log to its end, or a batch of it.",
            value=since.timestamp() if since else 0.0,
        )
        yield GaugeMetricFamily(
            "xaccel_ingest_unread_bytes",
            "Bytes of the current log that are not ingested; -1 where the log cannot be looked at.",
            value=float(self.ingest.unread_bytes()),
        )


@contextmanager
def health(ingest: Ingest) -> Iterator[None]:
    """Show the gauges of `ingest` in prometheus-client's own registry."""
    collector = Health(ingest)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)
