"""Files and folders that only their owner can read: they hold secrets and the files of users."""

from __future__ import annotations

from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write `text` to a file that only its owner can read, also if the file existed with another mode."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)


def private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter. A folder that exists keeps its mode."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
