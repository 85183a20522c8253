"""Compute how many bytes of an interrupted transfer certainly reached the client's machine."""

from __future__ import annotations

from xaccel.audit.conf import configuration
from xaccel.audit.outcome import Outcome

_SEGMENT = 64 * 1024
"""Linux begins one more segment while its send buffer has any room (`tcp_sendmsg_locked` in net/ipv4/tcp.c)."""


def arrived_at_least(sent: int, send_buffer: int) -> int:
    """Return how many of `sent` bytes the client's machine has acknowledged at least, over TCP.

    send_buffer: the `sndbuf` of NGINX's `listen`. Linux takes twice that (man 7 socket, SO_SNDBUF), and keeps each byte
    there until the other machine has acknowledged it.
    """
    return max(0, sent - 2 * send_buffer - _SEGMENT)


def arrived_of(outcome: str, protocol: str, sent: int | None) -> int | None:
    """Return `arrived_at_least` of a transfer with these values, None where it is not known.

    HTTP/3 runs over UDP, where a send buffer says nothing about what arrived.
    """
    buffer = configuration().send_buffer
    over_tcp = protocol.startswith(("HTTP/1.", "HTTP/2."))
    if buffer is None or sent is None or outcome != Outcome.INCOMPLETE or not over_tcp:
        return None
    return arrived_at_least(sent, buffer)
