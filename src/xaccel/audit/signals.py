"""What becomes of a decision, told once NGINX's line is stored.

Receivers of `transfer_completed` get `transfer` (`xaccel.audit.models.Transfer`), those of `download_completed` get
`download` (`Download`); the sender is the model. They run in the process of `ingest`, after the rows are committed, and
again after a crash in between: at least once. An exception is logged, and the signal is sent again with the next batch.
"""

from __future__ import annotations

from django.dispatch import Signal

transfer_completed = Signal()
"""A line has arrived: the transfer is over, however it went. Sent again where the decision came after the line."""

download_completed = Signal()
"""Every byte of the object was sent to one client."""
