"""Layouts of archives are kept where all processes of the app find them, and nobody else can change them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command

from tests.unit.archives.readers import member
from xaccel.archives.layout import Layout
from xaccel.archives.store import LIFE_S, Cache, Folder, Layouts, Store, _name
from xaccel.errors import ConfigError

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
def store(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Callable[[], Store]:
    """Opens the store, as each process of the app does."""
    kind = request.param
    if kind == "folder":
        return lambda: Folder(tmp_path / "layouts")
    backend = {
        "locmem": "django.core.cache.backends.locmem.LocMemCache",
        "filebased": "django.core.cache.backends.filebased.FileBasedCache",
        "database": "django.core.cache.backends.db.DatabaseCache",
        "memcached": f"{__name__}.Memcached",
    }[kind]
    location = "layouts" if kind != "filebased" else str(tmp_path / "cache")
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
    if kind == "database":
        request.getfixturevalue("db")
        call_command("createcachetable")
    return lambda: Cache(caches["default"])


@pytest.mark.parametrize("layout", [LAYOUT, LARGE], ids=["small", "large"])
def test_another_process_finds_a_layout(store: Callable[[], Store], layout: Layout) -> None:
    tag = Layouts(store(), SECRETS).put(layout)
    assert f'"{tag}"' == layout.etag
    found = Layouts(store(), SECRETS).get(tag)
    assert found is not None
    assert found.etag == layout.etag
    assert Layouts(store(), SECRETS).get("0" * 32) is None


def test_a_layout_outlives_the_rotation_of_the_secret(store: Callable[[], Store]) -> None:
    tag = Layouts(store(), SECRETS).put(LAYOUT)
    both = Layouts(store(), ("n" * 32, *SECRETS))
    assert both.get(tag) is not None
    both.put(LAYOUT)
    assert Layouts(store(), ("n" * 32,)).get(tag) is not None


def test_another_site_in_the_same_store_has_its_own_layouts(store: Callable[[], Store]) -> None:
    tag = Layouts(store(), SECRETS).put(LAYOUT)
    assert Layouts(store(), ("o" * 32,)).get(tag) is None


class Mixed(dict[str, bytes]):
    """A store with one value for all names: somebody who can write to it exchanges layouts."""

    def read(self, name: str) -> bytes | None:
        return next(iter(self.values()), None)

    def write(self, name: str, data: bytes) -> bool:
        return bool(self.setdefault(name, data))


def test_a_layout_under_the_name_of_another_is_lost() -> None:
    layouts = Layouts(Mixed(), SECRETS)
    layouts.put(LARGE)
    assert layouts.get(LAYOUT.etag.strip('"')) is None


def test_a_layout_that_lost_one_value_is_lost_until_it_is_put_again() -> None:
    cache = caches["default"]
    layouts = Layouts(Cache(cache), SECRETS)
    tag = layouts.put(LARGE)
    cache.delete(cache.get(f"xaccel.layout.{_name(SECRETS[0], tag)}")[-1])
    assert layouts.get(tag) is None
    layouts.put(LARGE)
    assert layouts.get(tag) is not None


def test_a_cache_that_keeps_nothing_is_an_error(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with pytest.raises(ConfigError, match="the layout of 2 files is lost at once"):
        Layouts(Cache(caches["default"]), SECRETS).put(LAYOUT)


def test_a_folder_deletes_what_nobody_asked_for_lately(tmp_path: Path) -> None:
    layouts = Layouts(Folder(tmp_path), SECRETS)
    tag = layouts.put(LAYOUT)
    old = next(tmp_path.iterdir())
    assert old.stat().st_mode & 0o77 == 0
    os.utime(old, (0, old.stat().st_mtime - LIFE_S - 60))
    layouts.put(LARGE)
    assert not old.exists()
    assert layouts.get(tag) is None


def test_a_layout_is_read_once_for_all_its_parts(tmp_path: Path) -> None:
    layouts = Layouts(Folder(tmp_path), SECRETS)
    tag = layouts.put(LAYOUT)
    assert layouts.get(tag) is layouts.get(tag)
