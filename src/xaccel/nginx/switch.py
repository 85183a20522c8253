"""Put files into a folder that NGINX includes, in one step: a kill or a power cut leaves the old files or the new ones.

    http.conf -> .current/http.conf     and so each name that NGINX includes
    .current -> .set-a                  the step: this link is renamed
    .set-a/http.conf                    the files; the next ones are written to .set-b

No order of single files would do: NGINX reads `http.conf` and `server.conf` of a site by different includes, and either
may name what only the new other one has.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_CURRENT = ".current"
_SETS = (".set-a", ".set-b")
_FRESH = ".fresh"
_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE (https://man7.org/linux/man-pages/man2/rename.2.html)."""


def is_linked(path: Path) -> bool:
    """Tell whether a name of the folder is a link to the current files."""
    return path.is_symlink() and os.readlink(path) == f"{_CURRENT}/{path.name}"


def is_secret(path: Path) -> bool:
    return path.name.startswith("secret")


@contextmanager
def switched(folder: Path, made: Mapping[str, str]) -> Iterator[None]:
    """Put files into the folder, by path below it; put the old ones back if the block raises.

    All other files stay. Plain files, as versions before 0.1.0 wrote them, become links first.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _tidy(folder)
        if not made:
            yield
            return
        names = sorted({name.partition("/")[0] for name in made})
        _take_over(
            folder, [name for name in names if (folder / name).exists() and not is_linked(folder / name)]
        )
        before, fresh = _current(folder), _copied(folder)
        for name, text in made.items():
            write_file(fresh / name, text)
        missing = [name for name in names if not is_linked(folder / name)]
        try:
            # they lead to nothing until the switch
            _link(folder, missing)
            _switch(folder, fresh)
            yield
        except BaseException:
            for name in missing:
                (folder / name).unlink(missing_ok=True)
            if before:
                _switch(folder, before)
            else:
                (folder / _CURRENT).unlink(missing_ok=True)
            raise
        finally:
            _tidy(folder)


def write_file(path: Path, text: str) -> None:
    """Write a file in one step, to the disk; a secret for its owner alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    mode = 0o600 if is_secret(path) else 0o644
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait until no other command changes the folder."""
    import fcntl  # Windows has none

    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _tidy(folder: Path) -> None:
    """Remove what is not in use, also what a killed command left."""
    for path in (*folder.glob(f".*{_FRESH}*"), _other(folder)):
        _remove(path)


def _take_over(folder: Path, plain: list[str]) -> None:
    """Make links of plain files and folders, which then have the same content."""
    if plain:
        fresh = _copied(folder)
        for name in plain:
            _copy(folder / name, fresh / name)
        _switch(folder, fresh)
        _link(folder, plain)


def _current(folder: Path) -> Path | None:
    link = folder / _CURRENT
    return folder / os.readlink(link) if link.is_symlink() else None


def _other(folder: Path) -> Path:
    """Return the set that is not in use."""
    return next(folder / name for name in _SETS if folder / name != _current(folder))


def _copied(folder: Path) -> Path:
    """Make the other set from the current one, without names that were removed from the folder."""
    fresh, before = _other(folder), _current(folder)
    _remove(fresh)
    fresh.mkdir()
    for path in before.iterdir() if before else ():
        if is_linked(folder / path.name):
            _copy(path, fresh / path.name)
    return fresh


def _copy(path: Path, to: Path) -> None:
    """Copy a file or a folder by hard links, which keep owners, modes and what is on the disk."""
    if path.is_dir():
        shutil.copytree(path, to, symlinks=True, copy_function=os.link)
    else:
        os.link(path, to)


def _switch(folder: Path, to: Path) -> None:
    for parent, _, _ in os.walk(to):
        _sync(Path(parent))
    _point(folder / _CURRENT, to.name)


def _link(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        _point(folder / name, f"{_CURRENT}/{name}")


def _point(link: Path, target: str) -> None:
    """Make a symbolic link, in one step, in the place of whatever is there."""
    fresh = link.with_name(f".{link.name}{_FRESH}")
    fresh.symlink_to(target)
    if link.is_dir() and not link.is_symlink():
        _exchange(fresh, link)
        _remove(fresh)
    else:
        fresh.replace(link)
    _sync(link.parent)


def _exchange(one: Path, other: Path) -> None:
    """Swap two entries of a folder in one step; where the system cannot, `other` is missing for a moment."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if swap is None or swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE):
        aside = other.with_name(f"{one.name}-aside")
        other.rename(aside)
        one.rename(other)
        aside.rename(one)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
