"""Reuse of a signature that was made moments ago for the very same request to the store.

No user ever sees a signature, so nobody can tell. Signing is most of what a hand-off costs the app, and a hot object,
or a video whose player asks for one range after the other, is signed for again and again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock

LONGEST_S = 10
"""The greatest age of a signature that is used again, in seconds; or a tenth of the origin's `expires_s`."""

MOST = 512
"""Signatures that are kept; the one that was used least recently goes first."""


class FreshSignatures:
    """Signed URLs of the last seconds. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[datetime, datetime, str]] = OrderedDict()
        self._lock = Lock()

    def get(self, request: Hashable, now: datetime, most_s: float, sign: Callable[[], str]) -> str:
        """Return the signature of an equal `request` if it is at most `most_s` seconds old, else what `sign` makes.

        `request` is everything that the signature depends on but its time: credentials that were exchanged make another
        one.
        """
        with self._lock:
            kept = self._kept.get(request)
            # A clock that was set back makes an age below zero.
            if kept is not None and kept[0] <= now <= kept[1]:
                self._kept.move_to_end(request)
                return kept[2]
        signed = sign()
        with self._lock:
            self._kept[request] = now, now + timedelta(seconds=most_s), signed
            self._kept.move_to_end(request)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return signed


def longest_s(expires_s: int) -> float:
    """Return how old a signature may be that is used again; `expires_s` is the origin's.

    One for slices lives longer by the time of the transfer, which must be left of it in any case.
    """
    return min(LONGEST_S, expires_s / 10)
