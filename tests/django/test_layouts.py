"""Layouts of archives are kept where all processes of the app find them, and nobody else can change them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command

from tests.unit.archives.readers import member
from xaccel.archives.kept import LIFE_S, Cache, Folder, Layouts, _name
from xaccel.archives.layout import Layout
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
