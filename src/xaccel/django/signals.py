"""The two decisions that an app makes, each told once.

Receivers get `request` and `event` (`xaccel.events.DownloadEvent`). The sender is `DownloadEvent`. An exception in a
receiver stops the download: a decision that an audit could not record is not carried out.
"""

from __future__ import annotations

from django.dispatch import Signal

download_authorized = Signal()
"""A user may have a file, and the answer that sends it is about to be returned."""

download_denied = Signal()
"""A user may not have a file."""
