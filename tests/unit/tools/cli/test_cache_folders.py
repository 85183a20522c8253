"""`xaccel config --write` refuses a folder for NGINX's cache that has other files: NGINX would delete them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.unit.tools.cli.conftest import Config

SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
allow_without_njs = true
transfer_log = "{folder}/log/transfers.log"
[cache]
path = "{cache}"
[origins.media]
type = "local"
root = "{folder}/media"
"""
ENTRY = "0123456789abcdef" * 2


def write(config: Config, folder: Path, cache: str = "cache") -> tuple[int, str]:
    text = SITE.format(folder=folder, cache=folder / cache)
    status, _, said = config(text, "--write", str(folder / "out"))
    return status, said


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_folder_that_is_missing_empty_or_a_cache_is_accepted(tmp_path: Path, config: Config) -> None:
    assert write(config, tmp_path)[0] == 0
    (tmp_path / "cache/f").mkdir(parents=True)
    assert write(config, tmp_path)[0] == 0
    for name in (f"f/de/{ENTRY}", f"{ENTRY}.0000000001"):
        put(tmp_path / "cache" / name)
    assert write(config, tmp_path)[0] == 0


@pytest.mark.parametrize("name", ["passport.pdf", "app/data/db.sqlite3", "f/de/photo.jpg", f"f/{ENTRY[1:]}"])
def test_a_file_of_another_program_is_named(tmp_path: Path, config: Config, name: str) -> None:
    put(tmp_path / f"cache/f/de/{ENTRY}")
    put(tmp_path / "cache" / name)
    status, said = write(config, tmp_path)
    assert (status, f'CACHE["path"]: NGINX would delete {tmp_path}/cache/{name}' in said) == (1, True)
    assert not (tmp_path / "out").exists()


def test_links_and_sockets_count_as_files(tmp_path: Path, config: Config) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/link").symlink_to("nowhere")
    assert write(config, tmp_path)[0] == 1
    (tmp_path / "cache/link").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(tmp_path / "cache", os.O_RDONLY)  # a socket's path is short
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    assert write(config, tmp_path)[0] == 1


@pytest.mark.parametrize(
    ("cache", "other"), [("media", "media"), ("log", "log/transfers.log"), (".", "log/transfers.log")]
)
def test_a_folder_with_another_path_of_the_settings_is_refused(
    tmp_path: Path, config: Config, cache: str, other: str
) -> None:
    status, said = write(config, tmp_path, cache)
    assert (status, f"NGINX would delete {tmp_path}/{other}" in said) == (1, True)


def test_files_for_another_machine_are_written(tmp_path: Path, config: Config) -> None:
    put(tmp_path / "cache/passport.pdf")
    text = SITE.format(folder=tmp_path, cache=tmp_path / "cache")
    assert config(text, "--write", str(tmp_path / "out"), "--path", "/etc/nginx/xaccel")[0] == 0
