"""`xaccel config --check`: whether what NGINX includes is what the settings say."""

from __future__ import annotations

import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from xaccel import cli

SITE = """
secret = "{secret}"
transfer_log = "{log}"
allow_without_njs = true
[origins.web]
type = "http"
base_url = "http://192.0.2.1/"
request_headers = {{ Authorization = "Bearer {token}" }}
"""
NGINX_PAGE = Path(__file__).parents[3] / "docs" / "operate" / "nginx.md"
VALUES = {"secret": "s" * 32, "log": "xaccel.log", "token": "first"}


def run(folder: Path, *more: str, **values: str) -> int:
    site = folder / "site.toml"
    site.write_text(SITE.format(**{**VALUES, **values}))
    try:
        return cli.main(["config", str(site), "--nginx-version", "1.26.3", *more])
    except SystemExit as stopped:
        return int(stopped.code or 0)


def test_files_of_the_settings_are_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--write", str(tmp_path / "out")) == 0
    capsys.readouterr()
    assert run(tmp_path, "--check", str(tmp_path / "out")) == 0
    assert capsys.readouterr().out == "the files match the settings\n"


def test_files_for_another_folder_are_those_that_are_written_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, out = tmp_path / "there", tmp_path / "out"
    run(tmp_path, "--write", str(out), "--path", f"{there}/")
    install = "cp --recursive --no-target-directory --remove-destination"
    assert f"{install} /srv/app/nginx /etc/nginx/xaccel\n" in NGINX_PAGE.read_text()
    subprocess.run([*install.split(), out, there], check=True)
    assert (there / "site" / "secret.conf").stat().st_mode & 0o777 == 0o600
    assert run(tmp_path, "--check", str(there)) == 0
    assert str(there) in (out / "site" / "server.conf").read_text()
    assert run(tmp_path, "--check", str(out), "--path", str(there)) == 0
    assert run(tmp_path, "--check", str(out)) == 1
    capsys.readouterr()
    assert run(tmp_path, "--check", str(out), "--path", "there") == 2
    assert "--path: 'there' is not an absolute path" in capsys.readouterr().err


def test_another_setting_is_shown_and_a_secret_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "--write", str(tmp_path / "out"))
    (tmp_path / "out" / "engine" / "app.conf").unlink()
    capsys.readouterr()
    assert (
        run(tmp_path, "--check", str(tmp_path / "out"), log="other.log", secret="t" * 32, token="second") == 1
    )
    shown = capsys.readouterr().out
    assert "-access_log xaccel.log xaccel_transfer" in shown
    assert "+access_log other.log xaccel_transfer" in shown
    assert f"{tmp_path}/out/engine/app.conf is missing" in shown
    assert f"{tmp_path}/out/site/secret.conf differs" in shown
    assert f"{tmp_path}/out/site/secret-headers.conf differs" in shown
    assert not any(word in shown for word in ("s" * 32, "t" * 32, "first", "second"))


def test_an_edited_engine_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "--write", str(tmp_path / "out"))
    with (tmp_path / "out" / "engine" / "locations" / "send.conf").open("a") as file:
        file.write("add_header X-Mine 1;\n")
    capsys.readouterr()
    assert run(tmp_path, "--check", str(tmp_path / "out")) == 1
    assert "-add_header X-Mine 1;" in capsys.readouterr().out


def test_another_nginx_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`off.conf` switches off what the NGINX at hand has, so an upgrade needs it again."""
    run(tmp_path, "--write", str(tmp_path / "out"))
    capsys.readouterr()
    assert run(tmp_path, "--check", str(tmp_path / "out"), "--nginx-version", "1.29.3") == 1
    assert "off/early_hints.conf" in capsys.readouterr().out


def test_unreadable_files_give_exit_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--check", str(tmp_path / "none")) == 2
    assert "it is not a folder" in capsys.readouterr().err


def test_files_that_are_no_longer_needed_are_listed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(tmp_path, "--write", str(out)) == 0
    (out / "site" / "log-slices.conf").write_text("")
    (out / "mine.conf").write_text("")
    assert run(tmp_path, "--write", str(out)) == 0
    assert "no longer needed" in capsys.readouterr().err
    assert (out / "site" / "log-slices.conf").exists()
    assert run(tmp_path, "--write", str(out), "--clean") == 0
    assert not (out / "site" / "log-slices.conf").exists()
    assert (out / "mine.conf").exists()


def test_a_file_that_is_no_longer_needed_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as `log-slices.conf` of a site that had a cache."""
    assert run(tmp_path, "--write", str(tmp_path / "out")) == 0
    (tmp_path / "out" / "site" / "log-slices.conf").write_text("access_log off;\n")
    capsys.readouterr()
    assert run(tmp_path, "--check", str(tmp_path / "out")) == 1
    assert f"{tmp_path}/out/site/log-slices.conf is no longer needed" in capsys.readouterr().out


def test_a_secret_that_others_can_read_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--write", str(tmp_path / "out")) == 0
    (tmp_path / "out" / "site" / "secret.conf").chmod(0o640)
    capsys.readouterr()
    assert run(tmp_path, "--check", str(tmp_path / "out")) == 1
    assert f"{tmp_path}/out/site/secret.conf can be read by other users" in capsys.readouterr().out


@pytest.mark.parametrize("server", [None, "nginx/1.26.3", "SimpleHTTP"])
def test_a_taken_port_of_the_assembler_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], server: str | None
) -> None:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = server or "", ""

        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as taken:
        address = f"127.0.0.1:{taken.server_port}"
        thread = Thread(target=taken.serve_forever, daemon=True)
        if server is None:
            taken.server_close()
        else:
            thread.start()
        site = tmp_path / "site.toml"
        site.write_text(
            'secret = "0123456789-abcdefghijklmnopqrstuvwxyz"\n[origins.media]\ntype = "local"\nroot = "/srv"\n'
            f'[archives]\napp = "127.0.0.1:8000"\nlisten = "{address}"\n'
        )
        command = ["config", str(site), "--nginx-version", "1.31.3", "--write", str(tmp_path / "xaccel")]
        assert cli.main(command) == 0
        if server is not None:
            taken.shutdown()
    is_named = f"another program listens on {address}" in capsys.readouterr().err
    assert is_named is (server == "SimpleHTTP")
