"""The files that NGINX includes are switched in one step, and are on the disk before that."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from xaccel.errors import NginxError
from xaccel.tools.nginx.switch import switched, write_file

OLD = {"http.conf": "old", "engine/maps.conf": "old", "site/http.conf": "old", "site/secret.conf": "old"}
NEW = dict.fromkeys(OLD, "new")


def write(folder: Path, made: dict[str, str]) -> None:
    with switched(folder, made):
        pass


def found(folder: Path) -> dict[str, str]:
    """Return the files without those in hidden folders, by path."""
    names = list(folder.glob("[!.]*"))
    paths = [
        path for name in names for path in ([name] if name.is_file() else name.rglob("*")) if path.is_file()
    ]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def sets(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".set-*"))


def test_files_and_folders_are_on_the_disk_before_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be had here: the calls are recorded, and done."""
    write(tmp_path, OLD)
    synced: list[str] = []
    (fsync, rename) = (os.fsync, os.replace)

    def record(opened: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{opened}"))
        synced.append(str(path.with_name(path.stem.removeprefix(".")) if path.suffix == ".xaccel" else path))
        fsync(opened)

    def replace(source: Path, target: Path) -> None:
        if Path(target).name == ".current":
            synced.append("switch")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", record)
    monkeypatch.setattr(os, "replace", replace)
    write(tmp_path, NEW)
    before, after = synced[: synced.index("switch")], synced[synced.index("switch") :]
    fresh = tmp_path / sets(tmp_path)[0]
    files = [fresh / name for name in NEW]
    assert {str(path) for path in (*files, *(path.parent for path in files))} <= set(before)
    assert after == ["switch", str(tmp_path)]


def test_other_files_stay(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    mine = {"site/mine.conf": "mine", "mine/http.conf": "mine", "mine.conf": "mine"}
    for name, text in mine.items():
        write_file(tmp_path / name, text)
    write(tmp_path, NEW)
    assert found(tmp_path) == NEW | mine
    links = [path.name for path in tmp_path.glob("[!.]*") if path.is_symlink()]
    assert sorted(links) == ["engine", "http.conf", "site"]
    write(tmp_path, {"two/http.conf": "two"})
    assert found(tmp_path) == NEW | mine | {"two/http.conf": "two"}
    assert len(sets(tmp_path)) == 1
    assert (tmp_path / "site/secret.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["http.conf", "site/server.conf"])
def test_a_file_that_another_program_wrote_is_not_replaced(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / name, "mine")
    with pytest.raises(NginxError, match="was not written by this command"):
        write(tmp_path, NEW)
    assert found(tmp_path) == {name: "mine"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["http.conf", "site"])
def test_a_link_of_another_program_is_not_replaced_though_its_target_is_missing(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).symlink_to("/nowhere/mounted/later")
    with pytest.raises(NginxError, match="was not written by this command"):
        write(tmp_path, NEW)
    assert os.readlink(tmp_path / name) == "/nowhere/mounted/later"


def test_links_of_a_killed_command_are_removed_and_hidden_files_of_others_stay(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / "..current.fresh").symlink_to(".set-b")
    (tmp_path / ".two.fresh").symlink_to(".current/two")
    (tmp_path / ".link.fresh").symlink_to("letter.txt")
    (tmp_path / ".file.fresh").write_text("mine")
    (tmp_path / ".folder.fresh").mkdir()
    write_file(tmp_path / "letter.txt.new", "mine")
    write_file(tmp_path / "letter.txt", "mine")
    write(tmp_path, NEW)
    fresh = {path.name for path in tmp_path.glob(".*.fresh")}
    assert fresh == {".link.fresh", ".file.fresh", ".folder.fresh"}
    assert found(tmp_path) == NEW | {"letter.txt": "mine", "letter.txt.new": "mine"}


def test_a_site_whose_link_is_removed_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path, {**OLD, "two/secret.conf": "two"})
    (tmp_path / "two").unlink()
    write(tmp_path, {"http.conf": "new"})
    assert found(tmp_path) == OLD | {"http.conf": "new"}
    assert not list(tmp_path.glob(".set-*/two"))


@pytest.mark.parametrize("before", [{}, OLD])
def test_what_is_refused_is_taken_back(tmp_path: Path, before: dict[str, str]) -> None:
    write(tmp_path, before)

    def refuse() -> None:
        with switched(tmp_path, NEW | {"two/http.conf": "two"}):
            assert found(tmp_path) == NEW | {"two/http.conf": "two"}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refuse()
    assert found(tmp_path) == before
    assert len(sets(tmp_path)) == bool(before)
    assert not (tmp_path / "two").is_symlink()


def test_a_second_command_waits_for_the_first_one(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    with switched(tmp_path, {"http.conf": "first"}):
        other = threading.Thread(target=write, args=(tmp_path, {"site/http.conf": "second"}))
        other.start()
        other.join(0.2)
        assert found(tmp_path) == OLD | {"http.conf": "first"}
    other.join(60)
    assert found(tmp_path) == OLD | {"http.conf": "first", "site/http.conf": "second"}


def test_a_copy_of_the_folder_works_at_another_path(tmp_path: Path) -> None:
    """Also in a container that mounts it: the links are relative."""
    write(tmp_path / "one", OLD)
    (tmp_path / "one").rename(tmp_path / "other")
    assert found(tmp_path / "other") == OLD
