"""Layouts of archives are kept where all processes of the app find them, and nobody else can change them."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command

from tests.unit.features.archives.readers import member
from xaccel.errors import ConfigError
from xaccel.features.archives import kept
from xaccel.features.archives.kept import LIFE_S, Cache, Folder, Layouts, _name
from xaccel.features.archives.layout import Layout

SECRETS = ("s" * 32,)
LAYOUT = Layout.of([member("a", b"x"), member("b", b"y")])
LARGE = Layout.of(member(os.urandom(200).hex(), b"x") for _ in range(4_000))
"""Of several values."""


class Memcached(LocMemCache):
    """A cache that loses large values without an error."""

    def set(self, key: Any, value: Any, *given: Any, **more: Any) -> None:
        if len(value) <= 1_000_000:
            super().set(key, value, *given, **more)


@pytest.fixture(params=["folder", "locmem", "filebased", "database", "memcached"])
def open_cache(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Callable[[], Cache]:
    """Open the cache, as each process of the app does."""
    kind = request.param
    if kind == "folder":
        return lambda: Folder(tmp_path / "layouts")
    backend = {
        "locmem": "django.core.cache.backends.locmem.LocMemCache",
        "filebased": "django.core.cache.backends.filebased.FileBasedCache",
        "database": "django.core.cache.backends.db.DatabaseCache",
        "memcached": f"{__name__}.Memcached",
    }[kind]
    location = str(tmp_path / "cache") if kind != "database" else "layouts"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
    if kind == "database":
        request.getfixturevalue("db")
        call_command("createcachetable")
    return lambda: caches["default"]


@pytest.mark.parametrize("layout", [LAYOUT, LARGE], ids=["small", "large"])
def test_another_process_finds_a_layout(open_cache: Callable[[], Cache], layout: Layout) -> None:
    Layouts(open_cache(), SECRETS).keep("key", layout)
    for find in (Layouts(open_cache(), SECRETS).get, Layouts(open_cache(), SECRETS).renew):
        found = find("key")
        assert found is not None
        assert found.etag == layout.etag
        assert find("other key") is None


def test_a_layout_outlives_the_rotation_of_the_secret(open_cache: Callable[[], Cache]) -> None:
    Layouts(open_cache(), SECRETS).keep("key", LAYOUT)
    both = Layouts(open_cache(), ("n" * 32, *SECRETS))
    assert both.get("key") is not None
    assert both.renew("key") is None, "it is made again, with the new secret"
    both.keep("key", LAYOUT)
    assert Layouts(open_cache(), ("n" * 32,)).get("key") is not None


def test_another_site_in_the_same_cache_has_its_own_layouts(open_cache: Callable[[], Cache]) -> None:
    Layouts(open_cache(), SECRETS).keep("key", LAYOUT)
    assert Layouts(open_cache(), ("o" * 32,)).get("key") is None
    assert Layouts(open_cache(), ("o" * 32,)).renew("key") is None


class Mixed:
    """A cache with one value for all names: somebody who can write to it exchanges layouts."""

    value: bytes | None = None

    def get(self, name: str, /) -> bytes | None:
        return self.value if name.endswith(".0") else None

    def set(self, name: str, value: bytes, life_s: int, /) -> None:
        if name.endswith(".0"):
            self.value = value

    def touch(self, name: str, life_s: int, /) -> bool:
        return True


def test_a_layout_under_the_name_of_another_is_lost() -> None:
    layouts = Layouts(Mixed(), SECRETS)
    layouts.keep("key", LAYOUT)
    assert layouts.get("other key") is None
    assert layouts.get("key") is not None


def test_nothing_but_the_sites_own_layouts_is_read() -> None:
    cache, source = Mixed(), random.Random(4)
    Layouts(cache, SECRETS).keep("key", LAYOUT)
    packed = cache.value
    assert packed is not None
    bad = [packed[:length] for length in range(len(packed))]
    for at in range(len(packed)):
        changed = bytearray(packed)
        changed[at] ^= 1 << source.randrange(8)
        bad.append(bytes(changed))
    for one in (*bad, packed + b"x"):
        cache.value = one
        assert Layouts(cache, SECRETS).get("key") is None


def test_a_layout_that_lost_one_value_is_lost_until_it_is_kept_again() -> None:
    cache = caches["default"]
    layouts = Layouts(cache, SECRETS)
    layouts.keep("key", LARGE)
    cache.delete(f"{_name(SECRETS[0], 'key')}.1")
    assert layouts.get("key") is None
    assert layouts.renew("key") is None
    layouts.keep("key", LARGE)
    assert layouts.get("key") is not None


def test_a_cache_that_keeps_nothing_is_an_error(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with pytest.raises(ConfigError, match="the layout of 2 files is lost at once"):
        Layouts(caches["default"], SECRETS).keep("key", LAYOUT)


def test_a_folder_deletes_what_nobody_asked_for_lately(tmp_path: Path) -> None:
    layouts = Layouts(Folder(tmp_path), SECRETS)
    layouts.keep("key", LAYOUT)
    old = next(tmp_path.iterdir())
    assert old.stat().st_mode & 0o77 == 0
    os.utime(old, (0, old.stat().st_mtime - LIFE_S - 60))
    layouts.keep("large", LARGE)
    assert not old.exists()
    assert layouts.get("key") is None


@pytest.fixture
def old_time() -> float:
    return time.time() - LIFE_S - 60


def test_a_folder_deletes_only_its_own_files(tmp_path: Path, old_time: float) -> None:
    own = [tmp_path / "xaccel.layout.new.k3_x9abc", tmp_path / f"xaccel.layout.{'0' * 40}.11"]
    others = [
        tmp_path / name for name in ("report.pdf", "tmpk3x9abc_", "xaccel.layout.txt", f"{own[1].name}.bak")
    ]
    for path in own + others:
        path.write_text("content")
        os.utime(path, (old_time, old_time))
    Layouts(Folder(tmp_path), SECRETS).keep("key", LAYOUT)
    assert [path.name for path in own if path.exists()] == []
    assert [path.name for path in others if not path.exists()] == []


def test_a_folder_deletes_only_regular_files(tmp_path: Path, old_time: float) -> None:
    subfolder, link = (tmp_path / f"xaccel.layout.{digit * 40}.0" for digit in "01")
    subfolder.mkdir()
    (tmp_path / "backup").mkdir()
    link.symlink_to("/nonexistent")
    for path in (subfolder, tmp_path / "backup", link):
        os.utime(path, (old_time, old_time), follow_symlinks=False)
    layouts = Layouts(Folder(tmp_path), SECRETS)
    layouts.keep("key", LAYOUT)
    assert layouts.get("key") is not None
    assert subfolder.is_dir()
    assert (tmp_path / "backup").is_dir()
    assert link.is_symlink()


def test_an_error_while_deleting_breaks_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_arguments: Any) -> None:
        raise PermissionError("denied")

    monkeypatch.setattr(os, "scandir", denied)
    layouts = Layouts(Folder(tmp_path), SECRETS)
    layouts.keep("key", LAYOUT)
    assert layouts.get("key") is not None


def test_a_file_that_cannot_get_its_name_is_not_left(tmp_path: Path) -> None:
    name = "xaccel.layout.0.0"
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError):
        Folder(tmp_path).set(name, b"x", LIFE_S)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_that_all_users_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"all users can write to the folder '.*' \(mode {mode:o}\)"):
        Layouts(Folder(tmp_path), SECRETS).keep("key", LAYOUT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["archives", "archives/below", "gone"])
def test_a_path_that_cannot_be_a_folder_is_a_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "archives").write_text("mine")
    (tmp_path / "gone").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=f"the app cannot make the folder '{tmp_path}/{name}'"):
        Folder(tmp_path / name)
    assert (tmp_path / "archives").read_text() == "mine"


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o2775])
def test_a_folder_of_the_app_or_its_group_is_used(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    layouts = Layouts(Folder(tmp_path), SECRETS)
    layouts.keep("key", LAYOUT)
    assert layouts.get("key") is not None


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, owner = Folder(tmp_path), tmp_path.stat().st_uid
    if owner == 0:
        os.chown(tmp_path, 12345, -1)
        owner = 12345
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match=f"belongs to user {owner}, and the app is user"):
        Layouts(folder, SECRETS).keep("key", LAYOUT)


def test_a_folder_that_the_app_may_not_write_to_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_arguments: Any, **_options: Any) -> None:
        raise PermissionError("denied")  # root, as which containers test, may write everywhere

    monkeypatch.setattr(kept, "NamedTemporaryFile", denied)
    with pytest.raises(ConfigError, match="the app may not write to the folder") as error:
        Layouts(Folder(tmp_path), SECRETS).keep("key", LAYOUT)
    assert error.value.where == 'XACCEL["ARCHIVES"]["layouts"]'


def test_another_hand_off_lengthens_the_life_of_a_layout(tmp_path: Path) -> None:
    layouts = Layouts(Folder(tmp_path), SECRETS)
    layouts.keep("key", LAYOUT)
    old = next(tmp_path.iterdir())
    os.utime(old, (0, old.stat().st_mtime - LIFE_S - 60))
    assert layouts.renew("key") is not None
    layouts.keep("large", LARGE)
    assert layouts.get("key") is not None


def test_a_layout_is_read_once_for_all_its_parts(tmp_path: Path) -> None:
    layouts = Layouts(Folder(tmp_path), SECRETS)
    layouts.keep("key", LAYOUT)
    assert layouts.get("key") is layouts.get("key")
