"""Transfers that have begun and do not end."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def held(port: int, targets: Iterable[str]) -> Iterator[Callable[[], None]]:
    """Begin one transfer for each target, on connections of their own; yields what ends the last of them."""
    with ExitStack() as opened:
        transfers = []
        for target in targets:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            opened.callback(connection.close)
            connection.request("GET", target)
            response = connection.getresponse()
            opened.callback(response.close)
            assert response.status == 200
            transfers.append((connection, response))

        def end_one() -> None:
            for part in reversed(transfers.pop()):
                part.close()

        yield end_one


MIB = 1024 * 1024
AT_ONCE = 3
"""Transfers that a subject may have, by the settings of the live tests."""
PAGE = b"Too many downloads at once. Try again in a moment.\n"
