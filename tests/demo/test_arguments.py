"""Arguments of scripts/demo that cannot be followed, and those that only print."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from portal.demo import options
from tests.demo.running import run_demo


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--port", "0"], "0 is not a port"),
        (["--port", "70000"], "70000 is not a port"),
        (["--port", "http"], "invalid int value"),
        (["--nginx", "/nowhere/nginx"], "/nowhere/nginx"),
        (["--nginx", "/bin/true"], "is not NGINX"),
        (["--ready-file", "/nowhere/ready.json"], "there is no folder /nowhere"),
        (["--ready-file", "/tmp"], "is a folder"),
        (["--unheard-of"], "unrecognized arguments"),
    ],
)
def test_bad_argument_ends_with_status_2_and_a_reason(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        options.read(arguments)
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("content", ["mine", "{}", '{"pids": 1}', "[]"])
def test_a_file_that_no_demo_wrote_is_not_replaced(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, link = tmp_path / "notes.json", tmp_path / "link.json"
    file.write_text(content)
    link.symlink_to("nowhere")
    for path in (file, link):
        with pytest.raises(SystemExit, match="2"):
            options.read(["--ready-file", str(path)])
        assert f"{path} exists, and no demo wrote it" in capsys.readouterr().err
    assert file.read_text() == content


def test_folder_that_cannot_be_made_is_refused() -> None:
    done = run_demo("--data-dir", "/proc/nothing")
    assert done.returncode == 2
    assert "/proc/nothing cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_demo("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "is in use" in done.stderr


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    done = run_demo("--data-dir", tmp_path)
    assert done.returncode == 2
    assert "was not made by this demo" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]
