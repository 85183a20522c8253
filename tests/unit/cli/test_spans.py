"""`xaccel spans` follows a log that is rotated and truncated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from xaccel.cli.spans import lines


def test_lines_are_followed_through_a_rotation_and_a_truncation(tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    log.write_text("old\n")
    found = lines(log, follow=True)

    def after(change: Callable[[], object]) -> bytes:
        timer = threading.Timer(0.7, change)
        timer.start()
        line = next(found)
        timer.join()
        return line

    def rotate() -> None:
        log.rename(tmp_path / "xaccel.log.1")
        log.write_text("third\n")

    def write(*parts: str) -> None:
        with log.open("a") as file:
            for part in parts:
                file.write(part)
                file.flush()

    write("at once\n")
    assert after(lambda: write("first\n")) == b"at once"
    assert next(found) == b"first"
    assert after(lambda: write("second ", "half\n")) == b"second half"
    assert after(rotate) == b"third"
    assert after(lambda: log.write_text("4\n")) == b"4"
    found.close()


def test_the_lines_that_are_there_are_read_once(tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    log.write_bytes(b"one\ntwo\nhalf")
    assert list(lines(log, follow=False)) == [b"one", b"two"]
