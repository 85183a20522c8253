"""What a client that reads slowly, or pauses, costs NGINX: memory, time, connections, and nothing on disk."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.buffer_setting import HEAD_KB, split
from xaccel.nginx.emit import Directive, directive
from xaccel.site import Site

SHUTDOWN = "1h"
"""How long NGINX's workers go on with downloads after a reload or QUIT. A unit or manifest that ends NGINX waits as
long: systemd's `TimeoutStopSec`, Kubernetes' `terminationGracePeriodSeconds`, Compose's `stop_grace_period`."""

CONNECTIONS = (
    "Each download takes two connections and two file descriptors, the client's and the origin's, for as long as the"
    " client takes. So for 2,000 at once on a worker: worker_connections 4096 or more, and worker_rlimit_nofile above."
)
SEND_BUFFER = (
    "For many slow clients add sndbuf=256k to your listen line: it bounds what the kernel holds of a download for each"
    " of them, by itself up to some MB. A log entry can count more than the client read: at most twice sndbuf, or the"
    " last number of net.ipv4.tcp_wmem without it, and the client's receive buffer (net.ipv4.tcp_rmem). sndbuf also"
    " bounds the speed of one download, to sndbuf a round trip: 256k at 100 ms are 2.5 MB/s."
)
_BESIDE_KB = 40
"""What a transfer holds beside its buffers, which with the allocator of musl take up to an eighth more than their size.
Measured (docs/explanation/performance.md)."""
_NJS_KB = 20
"""What njs holds of each request. This and what follows is measured in tests/live/test_memory.py."""
_KEPT_KB = 80
"""What is read again of an object that goes into the cache, where NGINX cannot send from the file itself."""
TLS_KB = 80
"""What a side with TLS costs."""
_OF_A_SLICE = "4 16k"
"""Twice as many made no cold download faster: what is kept goes to the disk, whoever reads how slowly."""


def memory_kb(buffers: str, *, njs: bool = False, kept: bool = False) -> int:
    """Return what a slow client costs at most, without TLS, in KB, on the build of NGINX that takes most."""
    count, size = split(buffers)
    more = (_NJS_KB if njs else 0) + (_KEPT_KB if kept else 0)
    return count * size * 9 // 8 + HEAD_KB + _BESIDE_KB + more


def in_fetch(site: Site, *, njs: bool = False, slices: bool, kept: bool = False) -> Iterator[Directive]:
    """Print the buffers between origin and client.

    Those of a slice are NGINX's until the transfer is over, so the site's setting would be taken for each of them.

    proxy_temp_file_write_size means nothing without a file; a smaller one of an outer level would stop NGINX.
    """
    chosen = _OF_A_SLICE if slices else site.buffers
    count, size = split(chosen)
    # as much as NGINX allows: with less it reads and writes oftener, for the same memory (scripts/bench large_objects)
    busy = (count - 1) * size
    yield directive(
        "proxy_buffering",
        "on",
        why=f"Each slice that the origin sends costs up to {memory_kb(chosen, njs=njs)} KB of memory until the transfer"
        " is over."
        if slices
        else f"Nothing {'but what the cache keeps ' if kept else ''}is spilled to disk: by default 1 GB a client goes"
        " there. A client that reads more slowly than the origin sends costs"
        f" up to {memory_kb(chosen, njs=njs, kept=kept)} KB of memory, and some {TLS_KB} KB more for a side with TLS.",
    )
    yield directive("proxy_max_temp_file_size", 0)
    yield directive("proxy_temp_file_write_size", f"{busy}k")
    yield directive("proxy_buffer_size", f"{HEAD_KB}k")
    yield directive("proxy_buffers", count, f"{size}k")
    yield directive("proxy_busy_buffers_size", f"{busy}k")
    yield directive("proxy_store", "off")


def patience() -> Iterator[Directive]:
    """Print how long a client may take nothing: a person who pauses a video takes nothing for minutes."""
    yield directive(
        "send_timeout",
        "10m",
        why="How long a client may take nothing, for example a paused video. By default, 60 s, it would be cut.",
    )


def unheld() -> Iterator[Directive]:
    """Print what sends the end of a file at once, where NGINX sends from a file: a cache's, or a directory's."""
    yield directive(
        "tcp_nopush",
        "off",
        why="With it Linux keeps the last part of some answers, 64 KB of a cache for one, until the client acknowledges"
        " the part before: 40 ms on a connection that is kept.",
    )
