"""The process that takes NGINX's lines into the portal's database while the demo runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from portal.demo.place import PROJECT
from xaccel.testing.server import running


@contextmanager
def ingester(folder: Path, manage: Sequence[str], log: Path) -> Iterator[None]:
    """Run `manage.py xaccel ingest --follow` until the block ends. Raises ServerFailed."""
    folder.mkdir(exist_ok=True)
    with running(
        [*manage, "xaccel", "ingest", "--follow", str(log)],
        name="ingest",
        directory=folder,
        ready=lambda pid: True,
        cwd=PROJECT,
    ):
        yield
