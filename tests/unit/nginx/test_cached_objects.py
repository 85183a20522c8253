"""Find the files of an object in a cache directory, and report where that is not possible.

The files are spelled here as NGINX writes them; tests/live/cache/test_purge.py has NGINX write them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path

import pytest

from xaccel import HTTPOrigin, LocalOrigin, Site, cli
from xaccel.errors import CacheError, ConfigError, InputRefused
from xaccel.handoff.identifiers import cache_key
from xaccel.nginx import cached_objects
from xaccel.site import Cache

BASE = "https://files.example/"
NOBODY = 65534


def write(directory: Path, key: str, body: bytes = b"", *, suffix: str = "") -> Path:
    """Write an entry as ngx_http_file_cache_set_header does: 336 bytes, the key, the origin's head, the body."""
    name = md5(key.encode()).hexdigest()
    file = directory / name[-1] / name[-3:-1] / f"{name}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(
        os.urandom(336).replace(b"\n", b"n") + b"\nKEY: " + key.encode() + b"\nHTTP/1.1 200 OK\r\n\r\n" + body
    )
    return file


def key_of(key: str, identity: str = "1", *, origin: str = "web") -> str:
    return cache_key("", origin, f"{BASE}{key}", identity)


def site(directory: Path | str | None) -> Site:
    web, other = (HTTPOrigin(base_url=base, cache=True) for base in (BASE, "https://other.example/"))
    return Site(
        origins={"web": web, "other": other, "disk": LocalOrigin(root="/srv")},
        secrets=("s" * 32,),
        cache=None if directory is None else Cache(path=str(directory)),
    )


def purge(site: Site, *words: str) -> None:
    parser = cli.argparse.ArgumentParser()
    cli.add_commands(parser, cli.COMMANDS, file=False)
    cli.run(parser.parse_args(["cache", "purge", *words]), site)


@contextmanager
def not_root() -> Iterator[None]:
    """Permissions mean nothing to root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_all_versions_and_parts_of_an_object_go_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [
        write(tmp_path, key_of("a", "1")),
        write(tmp_path, key_of("a", "2")),
        write(tmp_path, f"{key_of('a', '2')}bytes=0-4194303"),
        write(tmp_path, f"{key_of('a', '2')}bytes=4194304-8388607", suffix=".0000000042"),
    ]
    stay = [
        write(tmp_path, key_of("b")),
        write(tmp_path, key_of("a", origin="other")),
        write(tmp_path, "0" * 64),
        write(tmp_path, f"{key_of('b', 'x')}\nKEY: {key_of('a')}"),
        tmp_path / "a" / "note",
    ]
    stay[-1].parent.mkdir(exist_ok=True)
    stay[-1].write_bytes(gone[0].read_bytes())
    size = sum(file.stat().st_size for file in gone)
    purge(site(tmp_path), "web", "a", "c")
    assert capsys.readouterr().out == f"a: purged 4 entries, {size} bytes\nc: purged 0 entries, 0 bytes\n"
    assert not any(file.exists() for file in gone)
    assert all(file.exists() for file in stay)


def test_a_stored_url_is_named_as_it_is_stored(tmp_path: Path) -> None:
    stored = write(tmp_path, key_of("a?version=1"))
    purge(site(tmp_path), "web", "a?version=1")
    assert stored.exists()
    purge(site(tmp_path), "web", "--url", f"{BASE}a?version=1")
    assert not stored.exists()
    stored = write(tmp_path, key_of("b?version=1"))
    purge(site(tmp_path), "--url", f"{BASE}b?version=1")
    assert not stored.exists()


def test_only_files_of_nginx_are_removed(tmp_path: Path) -> None:
    entries = [
        write(tmp_path, key_of("a")),
        write(tmp_path, "an older key"),
        write(tmp_path, "b", suffix=".0000000001"),
    ]
    name = entries[0].name
    foreign = [
        tmp_path / "README",
        entries[0].with_name("x" + name[1:]),
        entries[0].with_name(f"{name}.1"),
        tmp_path / name[-1] / name,
        (tmp_path / ("0" if name[-1] != "0" else "1") / name[-3:-1] / name),
    ]
    for file in foreign:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    link = entries[0].with_name("0" * 29 + name[-3:])
    link.symlink_to(foreign[0])
    purge(site(tmp_path), "--all")
    assert not any(file.exists() for file in entries)
    assert all(file.exists() for file in foreign)
    assert link.is_symlink()


def test_a_relative_path_is_below_the_prefix(tmp_path: Path) -> None:
    stored = write(tmp_path / "cache", key_of("a"))
    with pytest.raises(InputRefused, match="--prefix"):
        purge(site("cache"), "web", "a")
    purge(site("cache"), "web", "a", "--prefix", str(tmp_path))
    assert not stored.exists()


@pytest.mark.parametrize("words", [[], ["web"], ["--all", "web"], ["--all", "web", "a"]])
def test_a_purge_must_name_objects_or_all(tmp_path: Path, words: list[str]) -> None:
    stored = write(tmp_path, key_of("a"))
    with pytest.raises(InputRefused, match="at least one KEY or --url"):
        purge(site(tmp_path), *words)
    assert stored.exists()


def test_a_directory_that_cannot_be_purged_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no cache"):
        purge(site(None), "web", "a")
    with pytest.raises(InputRefused, match="directory"):
        purge(site(tmp_path), "disk", "a")
    with pytest.raises(InputRefused, match="no origin"):
        purge(site(tmp_path), "nowhere", "a")
    with pytest.raises(CacheError, match="no such directory"):
        purge(site(tmp_path / "missing"), "web", "a")
    (tmp_path / "settings.py").write_text("")
    for words in (["web", "a"], ["--all"]):
        with pytest.raises(CacheError, match=r"not a cache of NGINX: it has 'settings\.py'"):
            purge(site(tmp_path), *words)


@pytest.mark.parametrize("closed", ["directory", "folder", "file"])
def test_without_permission_it_says_who_may(tmp_path: Path, closed: str) -> None:
    """The pytest folder lies in one that only its owner may enter, so the working directory is used."""
    cache = tmp_path / "cache"
    file = write(cache, key_of("a"))
    place = {"directory": cache, "folder": file.parent, "file": file}[closed]
    # imports every command now: another user may not read the modules
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    here = os.open(tmp_path, os.O_RDONLY)
    before = os.getcwd()
    os.fchdir(here)
    tmp_path.chmod(0o755)
    place.chmod(0)
    try:
        with not_root(), pytest.raises(CacheError, match="as root or as the user of NGINX's workers"):
            purge(site("cache"), "web", "a", "--prefix", ".")
    finally:
        place.chmod(0o700)
        os.chdir(before)
        os.close(here)
    assert file.exists()


def test_all_entries_are_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(500):
        write(tmp_path, key_of(str(number % 125), str(number)))
    read, reading = list[Path](), cached_objects.object_part_of
    monkeypatch.setattr(cached_objects, "object_part_of", lambda file: read.append(file) or reading(file))
    purge(site(tmp_path), "web", "7", "8")
    assert len(read) == 500
    assert len(list(cached_objects.find_files(tmp_path))) == 500 - 8
