"""Signals about decisions, sent when NGINX's log entry is stored.

Receivers of `transfer_completed` get `transfer` (`xaccel.audit.Transfer`), those of `download_completed` get
`download` (`Download`); the sender is the model. They run in the process of `ingest`, after the rows are committed, and
again after a crash in between: at least once. An exception is logged, and the signal is sent again: every `RETRY_S`
seconds, for all signals with a failed receiver.

They are in a separate file, as Django's signals are: code that imports them loads no model.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import connections
from django.dispatch import Signal

logger = logging.getLogger("xaccel.audit")

RETRY_S = 30.0
"""Seconds between two attempts to send the signals with a failed receiver."""

transfer_completed = Signal()
"""A line has arrived: the transfer is over, however it went. Sent again where the decision came after the line."""

download_completed = Signal()
"""Every byte of the object was sent to one client."""

post_sweep = Signal()
"""Rows that change with time alone are updated: once a minute by `ingest --follow`, and when `ingest` ends.

Receivers get `configuration` (of `XACCEL_AUDIT`), `now` (log entries written before it are stored) and `using` (the
alias of the trail's database). An exception is logged.
"""

post_prune = Signal()
"""`xaccel prune` has deleted the rows from before `before`, which receivers get. An exception is not caught."""


def deliver(database: str, signal: Signal, sender: type[Any], **named: Any) -> bool:
    """Call all receivers, log their errors, and return whether there were none: a receiver does not stop `ingest`.

    Raises OperationalError or InterfaceError if the trail's database is away, which a receiver may notice first.
    """
    results = signal.send_robust(sender, **named)
    failed = [(receiver, result) for receiver, result in results if isinstance(result, Exception)]
    if failed:
        with connections[database].cursor() as cursor:
            cursor.execute("SELECT 1")
    for receiver, error in failed:
        logger.error("the receiver %r failed for %s", receiver, named, exc_info=error)
    return not failed
