"""Signals about decisions, sent when NGINX's log entry is stored.

Receivers of `transfer_completed` get `transfer` (`xaccel.audit.models.Transfer`), those of `download_completed` get
`download` (`Download`); the sender is the model. They run in the process of `ingest`, after the rows are committed, and
again after a crash in between: at least once. An exception is logged, and the signal is sent again with the next batch.
They are in a separate file, as Django's signals are: code that imports them loads no model.
"""

from __future__ import annotations

from django.dispatch import Signal

transfer_completed = Signal()
"""A line has arrived: the transfer is over, however it went. Sent again where the decision came after the line."""

download_completed = Signal()
"""Every byte of the object was sent to one client."""

post_sweep = Signal()
"""Rows that change with time alone are updated: once a minute by `ingest --follow`, and when `ingest` ends.

Receivers get `configuration` (of `XACCEL_AUDIT`), `now` (log entries written before it are stored) and `using` (the
alias of the trail's database). An exception is not caught: `ingest` treats it like any other error.
"""

post_prune = Signal()
"""`xaccel prune` has deleted the rows from before `before`, which receivers get. An exception is not caught."""
