"""What `xaccel run` starts, and where it lets the app server listen."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from xaccel.errors import NginxError
from xaccel.tools.run import programs
from xaccel.tools.run.programs import Front, app_program, ingest_program, require_free


def front(folder: Path) -> Front:
    return Front(binary="nginx", folder=folder, listen="127.0.0.1:8080", app="127.0.0.1:8000", user="nobody")


@pytest.mark.parametrize(
    ("app", "environ", "expected"),
    [
        (
            "127.0.0.1:9",
            {},
            {"PORT": "9", "UVICORN_HOST": "127.0.0.1", "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:9"},
        ),
        ("[::1]:9", {}, {"UVICORN_HOST": "::1", "UVICORN_PORT": "9", "FLASK_RUN_PORT": "9"}),
        ("unix:/a", {"PORT": "80"}, {"UVICORN_UDS": "/a", "GUNICORN_CMD_ARGS": "--bind unix:/a"}),
        (
            "127.0.0.1:9",
            {"GUNICORN_CMD_ARGS": "--workers 4"},
            {"GUNICORN_CMD_ARGS": "--bind 127.0.0.1:9 --workers 4", "XACCEL_APP": "127.0.0.1:9"},
        ),
    ],
)
def test_the_environment_says_where_the_app_must_listen(
    app: str, environ: dict[str, str], expected: dict[str, str]
) -> None:
    program = app_program(["gunicorn"], app, environ)
    assert expected.items() <= program.environ.items()


def test_an_app_whose_own_arguments_bind_keeps_them() -> None:
    environ = {"GUNICORN_CMD_ARGS": "--bind unix:/own"}
    assert "GUNICORN_CMD_ARGS" not in app_program(["gunicorn"], "127.0.0.1:9", environ).environ


def test_a_log_that_has_grown_is_renamed_and_the_oldest_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "MAX_LOG_BYTES", 3)
    monkeypatch.setattr(programs, "KEPT_LOGS", 2)
    log = tmp_path / programs.TRANSFER_LOG
    assert not front(tmp_path).rotate()
    for text in ("one", "two", "three"):
        log.write_text(text)
        assert front(tmp_path).rotate()
    log.write_text("4")
    assert not front(tmp_path).rotate()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "xaccel.log": "4",
        "xaccel.log.1": "three",
        "xaccel.log.2": "two",
    }


def test_ingest_follows_the_log_of_the_folder(tmp_path: Path) -> None:
    command = ingest_program(["python", "manage.py", "xaccel"], front(tmp_path)).command
    assert [*command] == [
        "python",
        "manage.py",
        "xaccel",
        "ingest",
        f"{tmp_path}/xaccel.log",
        "--follow",
        "--quiet",
    ]


def test_an_address_that_is_taken_or_none_is_an_error() -> None:
    with pytest.raises(NginxError, match="--app: 'here' is not an address"):
        require_free("here", "--app")
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(NginxError, match=f"--app: another program listens on {address}"):
            require_free(address, "--app")


def test_a_user_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(NginxError, match="--user: there is no user 'no-such-user'"):
        programs._group_of("no-such-user")
