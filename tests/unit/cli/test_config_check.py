"""`xaccel config --check`: whether what NGINX includes is what the settings say."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.origin import Answer, origin_server
from tests.unit.cli.conftest import Config
from xaccel_testing import free_port

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


def text(**values: str) -> str:
    return SITE.format(**{**VALUES, **values})


@pytest.fixture
def out(tmp_path: Path, config: Config) -> Path:
    """The folder that `--write` wrote."""
    assert config(text(), "--write", str(tmp_path / "out"))[0] == 0
    return tmp_path / "out"


def test_files_of_the_settings_are_equal(out: Path, config: Config) -> None:
    assert config(text(), "--check", str(out))[:2] == (0, "the files match the settings\n")


def test_files_for_another_folder_are_those_that_are_written_there(tmp_path: Path, config: Config) -> None:
    there, out = tmp_path / "there", tmp_path / "out"
    config(text(), "--write", str(out), "--path", f"{there}/")
    install = "cp --recursive --no-target-directory --remove-destination"
    assert f"{install} /srv/app/nginx /etc/nginx/xaccel\n" in NGINX_PAGE.read_text()
    subprocess.run([*install.split(), out, there], check=True)
    assert (there / "site" / "secret.conf").stat().st_mode & 0o777 == 0o600
    assert config(text(), "--check", str(there))[0] == 0
    assert str(there) in (out / "site" / "server.conf").read_text()
    assert config(text(), "--check", str(out), "--path", str(there))[0] == 0
    assert config(text(), "--check", str(out))[0] == 1
    status, _, said = config(text(), "--check", str(out), "--path", "there")
    assert status == 2
    assert "--path: 'there' is not an absolute path" in said


def test_another_setting_is_shown_and_a_secret_is_not(out: Path, config: Config) -> None:
    (out / "engine" / "app.conf").unlink()
    status, shown, _ = config(text(log="other.log", secret="t" * 32, token="second"), "--check", str(out))
    assert status == 1
    assert "-access_log xaccel.log xaccel_transfer" in shown
    assert "+access_log other.log xaccel_transfer" in shown
    assert f"{out}/engine/app.conf is missing" in shown
    assert f"{out}/site/secret.conf differs" in shown
    assert f"{out}/site/secret-headers.conf differs" in shown
    assert not any(word in shown for word in ("s" * 32, "t" * 32, "first", "second"))


def edit_the_engine(out: Path) -> None:
    with (out / "engine" / "locations" / "send.conf").open("a") as file:
        file.write("add_header X-Mine 1;\n")


DIFFERENCES: dict[str, tuple[Callable[[Path], object], str]] = {
    "an edited engine": (edit_the_engine, "-add_header X-Mine 1;"),
    # such as that of a site that had a cache
    "a file that is no longer needed": (
        lambda out: (out / "site" / "log-slices.conf").write_text(""),
        "site/log-slices.conf is no longer needed",
    ),
    "a secret that others can read": (
        lambda out: (out / "site" / "secret.conf").chmod(0o640),
        "site/secret.conf can be read by other users",
    ),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_a_difference_is_shown(what: str, out: Path, config: Config) -> None:
    change, words = DIFFERENCES[what]
    change(out)
    status, shown, _ = config(text(), "--check", str(out))
    assert status == 1
    assert words in shown


def test_another_nginx_differs(out: Path, config: Config) -> None:
    """`off.conf` switches off what the NGINX at hand has, so an upgrade needs it again."""
    status, shown, _ = config(text(), "--check", str(out), "--nginx-version", "1.29.3")
    assert (status, "off/early_hints.conf" in shown) == (1, True)


def test_unreadable_files_give_exit_status_2(tmp_path: Path, config: Config) -> None:
    status, _, said = config(text(), "--check", str(tmp_path / "none"))
    assert (status, "it is not a folder" in said) == (2, True)


def test_files_that_are_no_longer_needed_are_listed_and_removed(out: Path, config: Config) -> None:
    old, mine = out / "site" / "log-slices.conf", out / "mine.conf"
    for file in (old, mine):
        file.write_text("")
    status, _, said = config(text(), "--write", str(out))
    assert (status, "no longer needed" in said, old.exists()) == (0, True, True)
    assert config(text(), "--write", str(out), "--clean")[0] == 0
    assert (old.exists(), mine.exists()) == (False, True)


@pytest.mark.parametrize(
    ("server", "is_named"), [("SimpleHTTP", True), ("nginx/1.26.3", False), (None, False)]
)
def test_a_port_of_the_assembler_that_another_program_has_is_named(
    tmp_path: Path, config: Config, server: str | None, is_named: bool
) -> None:
    with origin_server(lambda _: Answer(404, [("Server", str(server))])) as taken:
        address = taken.address if server else f"127.0.0.1:{free_port()}"
        site = (
            'secret = "0123456789-abcdefghijklmnopqrstuvwxyz"\n[origins.media]\ntype = "local"\nroot = "/srv"\n'
            f'[archives]\napp = "127.0.0.1:8000"\nlisten = "{address}"\n'
        )
        status, _, said = config(site, "--nginx-version", "1.31.3", "--write", str(tmp_path / "xaccel"))
    assert status == 0
    assert (f"another program listens on {address}" in said) is is_named
