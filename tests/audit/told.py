"""Receivers that write down what they were told, for an `ingest` in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_down(path: str, *, dying_after: str = "") -> Callable[..., None]:
    """Append a line to `path` for each signal; behind the first of the kind `dying_after` the process is killed.

    Return the receiver.
    """
    from xaccel.audit.signals import download_completed, transfer_completed

    def told(signal: Any, **named: Any) -> None:
        [kind] = {"transfer", "download"} & set(named)
        with Path(path).open("a") as file:
            file.write(f"{kind} {named[kind].pk}\n")
        if kind == dying_after:
            die()

    for signal in (transfer_completed, download_completed):
        signal.connect(told, weak=False)
    return told


def die(*_: Any, **__: Any) -> None:
    """As with SIGKILL from outside: nothing is tidied up."""
    os.kill(os.getpid(), 9)
