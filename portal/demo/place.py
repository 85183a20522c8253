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
"""The folder that has the package `portal`: a clone, or xaccel_portal of the installed distribution."""

ENVIRONMENTS = None if PROJECT.name == "xaccel_portal" else PROJECT / ".xaccel"
"""The folder for everything that a clone makes; None for the installed distribution."""

_MARK = "demo.json"


class PlaceRefused(ValueError):
    """The folder given cannot be used; the message says why."""


@contextmanager
def data_dir(given: Path | None) -> Iterator[Path]:
    """Yield a folder for all files of a run: `given`, which is kept, or a new one, which is removed at the end.

    The new one is in .xaccel/ of a clone, or in the system's folder for temporary files.

    Raises PlaceRefused when `given` is no folder, holds something else, or is in use by another demo.
    """
    if given is None:
        if ENVIRONMENTS is not None:
            ENVIRONMENTS.mkdir(exist_ok=True)
        prefix = "xaccel-demo-" if ENVIRONMENTS is None else "demo-run-"
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=ENVIRONMENTS)).resolve()
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
