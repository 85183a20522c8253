"""Run the demo: serve until Ctrl-C, or check and end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from portal.demo import check, options, place
from portal.demo.options import DemoOptions
from portal.demo.ready import ready_file
from portal.demo.seed import SeedingFailed
from portal.demo.stack import Stack, running_stack
from portal.demo.terminal import LineFollower, Spelling, ended_servers, report, welcome
from xaccel.commands.printing import print_error, print_line
from xaccel.errors import XaccelError

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0, 1 for a check that failed or a server that did not start, 2 for bad arguments."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    wanted = options.read(arguments)
    for number in _ENDING:
        signal.signal(number, _end)
    try:
        if wanted.ready_file is not None:
            wanted.ready_file.unlink(missing_ok=True)
        with place.data_dir(wanted.data_dir) as folder:
            return _run(wanted, folder)
    except place.PlaceRefused as refused:
        print_error(f"--data-dir: {refused}", program="xaccel demo")
        return 2
    except (XaccelError, SeedingFailed) as error:
        print_error(error, program="xaccel demo")
        return 1
    except BrokenPipeError:
        # nobody reads any more, as in `xaccel demo | head`
        _print_no_more()
        return 0
    except _Ended as ended:
        _print_no_more()
        # serving ends like this; before, somebody changed their mind
        return 0 if ended.served else 128 + ended.number


def _print_no_more() -> None:
    """Let what is still to be printed go nowhere: a full pipe that nobody reads would keep the program from ending."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Ended(BaseException):
    """One of the signals that end the demo has come."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.served = False


def _end(number: int, frame: FrameType | None) -> None:
    # a second Ctrl-C must not break off the cleaning
    for other in _ENDING:
        signal.signal(other, signal.SIG_IGN)
    raise _Ended(number)


def _run(wanted: DemoOptions, folder: Path) -> int:
    keep = wanted.data_dir is not None
    with running_stack(
        folder, wanted.nginx, wanted.build, port=wanted.port, keep=keep, say=print_line
    ) as stack:
        if wanted.check:
            with ready_file(wanted.ready_file, stack):
                return 0 if check.run(stack) else 1
        try:
            # a program that waits for the file may end the demo at once
            with ready_file(wanted.ready_file, stack):
                _serve(stack, port_was_given=wanted.port is not None)
        except _Ended as ended:
            ended.served = True
            if sys.stdout.isatty():
                print_line()
                print_line("Stopping …")
            raise
        return 0


def _serve(stack: Stack, *, port_was_given: bool) -> None:
    spelling = Spelling(
        stack.people,
        by_tag={f'"{file.sha256}"': file.name for file in stack.files},
        by_key={file.sample.key: file.name for file in stack.files},
    )
    followers = (
        LineFollower(Path(stack.site.transfer_log), spelling.transfer),
        LineFollower(stack.folder / "portal" / "refused.jsonl", spelling.refusal),
    )
    for line in welcome(stack, port_was_given=port_was_given):
        print_line(line)
    never = threading.Event()
    # a server that ends is not started again: what then happens is part of what is shown
    reported: set[str] = set()
    while not never.wait(0.2):
        for follower in followers:
            for line in follower.new():
                print_line(line)
        for name, server in ended_servers(stack).items():
            if name not in reported:
                reported.add(name)
                for line in ("", *report(name, server), ""):
                    print_line(line)


if __name__ == "__main__":
    sys.exit(main())
