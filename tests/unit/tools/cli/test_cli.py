"""`python -m xaccel` as a shell runs it: pipes, rights, exit statuses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.unit.tools.cli.conftest import Config
from xaccel.tools import cli
from xaccel_testing.servers.processes import wait_until

SITE = """
secret = "0123456789abcdef0123456789abcdef"
transfer_log = "/var/log/xaccel/transfers.log"
[origins.media]
type = "local"
root = "/srv"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE)
    return tmp_path / "site.toml"


def test_version_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xaccel", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"xaccel {version('xaccel')}\n"


def test_a_closed_pipe_has_the_exit_status_of_a_shell(site: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "xaccel", "config", str(site), "--nginx-version", "1.31.9"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == cli.NOT_READ
    assert "BrokenPipe" not in done.stderr


def test_ctrl_c_ends_a_command_with_the_exit_status_of_a_shell(tmp_path: Path) -> None:
    """The site comes from a pipe, so the command is at work until the pipe is closed."""
    pipe = tmp_path / "site.toml"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-m", "xaccel", "config", str(pipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        writer: list[int] = []

        def opened() -> bool:
            """Without a reader this is an error."""
            with contextlib.suppress(OSError):
                writer.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            return bool(writer)

        try:
            assert wait_until(opened, timeout_s=60)
            running.send_signal(signal.SIGINT)
            # a signal that comes just before read() does not interrupt it; the end of the file does
            os.close(writer[0])
            out, error = running.communicate(timeout=60)
        finally:
            running.kill()  # or the end of the block waits for a command that reads for ever
    assert (running.returncode, out, error) == (cli.STOPPED, "", "")


@pytest.mark.parametrize("command", ["config", "refresh"])
def test_a_folder_that_cannot_be_used_is_said_with_a_remedy(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file")
    assert (
        cli.main([command, str(site), "--nginx-version", "1.31.9", "--nginx", "true", "--write", folder]) == 1
    )
    said = capsys.readouterr().err
    assert f"--write: {folder}" in said
    assert "Run the command as the user who owns that folder" in said


def test_a_relative_log_is_warned_of_where_nginx_is_the_operators(tmp_path: Path, config: Config) -> None:
    out = ["--write", str(tmp_path / "out")]
    assert "warning" not in config(SITE, *out)[2]
    relative = SITE.replace('transfer_log = "/var/log/xaccel/transfers.log"', "")
    for arguments in (out, []):
        _, _, said = config(relative, *arguments)
        assert "warning: TRANSFER_LOG: 'xaccel.log' is relative to NGINX's prefix" in said
    assert "warning" not in config(relative, "--standalone")[2]


def test_the_log_of_members_is_another_file_than_that_of_transfers(config: Config) -> None:
    archives = '[archives]\napp = "127.0.0.1:8000"\nlayouts = "/srv/layouts"\n'
    _, _, said = config(f"{SITE}{archives}")
    assert """'members.log' is relative to NGINX's prefix""" in said
    assert 'for example "/var/log/xaccel/members.log"' in said
    status, _, said = config(f'{SITE}{archives}log = "/var/log/xaccel/../xaccel/transfers.log"\n')
    assert (status, "is the log of transfers too" in said) == (1, True)


@pytest.mark.parametrize(
    ("classes", "warned"), [("1", True), ("{ default = 8, guests = 1 }", True), ("2", False)]
)
def test_a_class_of_one_transfer_is_warned_of(config: Config, classes: str, *, warned: bool) -> None:
    status, _, said = config(f"concurrency = {classes}\n{SITE}")
    assert (status, "warning: CONCURRENCY allows one transfer" in said) == (0, warned)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("doctor", "doctor: it needs one file"),
        ("doctor SITE --only XA1", "doctor: there is no check 'XA1'"),
        ("doctor SITE --wait long", "--wait: 'long' is not a time"),
        ("doctor SITE --header nonsense", "--header: it is not a header"),
        ("doctor SITE --object documents", "--object: 'documents' is not an object"),
        ("explain SITE no-such-transfer --log /nowhere", "the object of this transfer is not known"),
    ],
)
def test_a_wrong_argument_is_named(
    site: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert cli.main(words.replace("SITE", str(site)).split()) == 1
    assert said in capsys.readouterr().err
