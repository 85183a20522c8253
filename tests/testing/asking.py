"""Ask a server and its processes for their state."""

from __future__ import annotations

import urllib.request

from xaccel_testing.servers.processes import alive


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def gone(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)
