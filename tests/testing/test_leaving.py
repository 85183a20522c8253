"""However a program ends, nothing of its stack goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.testing.application import APP
from tests.testing.asking import gone

INTERRUPTED = """
import os, sys, time
from pathlib import Path
from xaccel_testing import app_server, s3_server
with s3_server(Path(sys.argv[1]) / "s3") as s3:
    with app_server(Path(sys.argv[1]) / "app", "stack_app:application", cwd=Path(sys.argv[1])) as app:
        print(*s3.pids, *app.pids, flush=True)
        while True:  # a signal just before pause() would not end it
            time.sleep(0.1)
"""


def test_interrupt_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text(APP)
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pids = [int(word) for word in child.stdout.readline().split()]
        assert len(pids) == 4
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in error
    assert gone(pids)
