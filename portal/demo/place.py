"""The folder of the demo's files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = PROJECT / ".xaccel"

_MARK = "demo.json"


class PlaceRefused(ValueError):
    """The folder given cannot be used; the message says why."""


@contextmanager
def data_dir(given: Path | None) -> Iterator[Path]:
    """Yield a folder for every file of a run: `given`, which stays, or a new one in .xaccel/, which goes at the end.

    Raises PlaceRefused when `given` is no folder, holds something else, or is in use by another demo.
    """
    if given is None:
        ENVIRONMENTS.mkdir(exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="demo-run-", dir=ENVIRONMENTS))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    folder = _usable(given)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlaceRefused(f"{folder} is in use by another demo") from None
        yield folder
    finally:
        os.close(lock)


def kept_file(folder: Path) -> Path:
    """Name the file by which a folder is known to be a demo's."""
    return folder / _MARK


def _usable(given: Path) -> Path:
    try:
        given.mkdir(parents=True, exist_ok=True)
        folder = given.resolve()
        names = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise PlaceRefused(f"{given} cannot be used: {error.strerror}") from error
    if names - {"lock"} and _MARK not in names:
        raise PlaceRefused(f"{folder} is not empty and was not made by this demo")
    return folder
