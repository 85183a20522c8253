"""Only the server itself is stopped, whoever has the id of a process that ended; and a long wait costs little."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import psutil
import pytest

from xaccel_testing.servers.processes import alive, running, wait_until

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def started_as(pid: int) -> subprocess.Popen[bytes] | None:
    """Start a process in a session of its own that gets this id; None if a process of another program has it."""
    while not psutil.pid_exists(pid):
        LAST_PID.write_text(str(pid - 1), encoding="ascii")
        process = subprocess.Popen(["sleep", "600"], start_new_session=True)
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    return None


@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="only root chooses the id of the next process")
def test_a_reused_process_id_is_not_killed(tmp_path: Path) -> None:
    stranger = None
    while stranger is None:
        with running(["sleep", "600"], name="server", directory=tmp_path, ready=lambda _: True) as server:
            server.signal(signal.SIGKILL)
            assert wait_until(lambda: server.exit_status is not None, timeout_s=60)
            stranger = started_as(server.pid)
            assert stranger is None or server.pids == []
    try:
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_long_wait_looks_less_often_than_a_short_one() -> None:
    looks = count()
    assert not wait_until(lambda: next(looks) < 0, timeout_s=1.0)
    assert next(looks) < 50


ENDS_BUT_FOR_A_THREAD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
print("started", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_has_ended_with_the_last_of_its_threads() -> None:
    with subprocess.Popen([sys.executable, "-c", ENDS_BUT_FOR_A_THREAD], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = psutil.Process(process.pid)
        assert wait_until(lambda: first.status() == psutil.STATUS_ZOMBIE, timeout_s=60)
        assert alive(process.pid)
        process.kill()
        assert wait_until(lambda: not alive(process.pid), timeout_s=60)
