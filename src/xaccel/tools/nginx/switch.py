"""Put files into a folder that NGINX includes, in one step: a kill or a power cut leaves the old files or the new ones.

    http.conf -> .current/http.conf     and so each name that NGINX includes
    .current -> .set-a                  the step: this link is renamed
    .set-a/http.conf                    the files; the next ones are written to .set-b

No order of single files would do: NGINX reads `http.conf` and `server.conf` of a site by different includes, and either
may name what only the new other one has.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.features.uploads.directory import flush

_CURRENT = ".current"
_SETS = (".set-a", ".set-b")
_FRESH = ".fresh"
_TEMPORARY = ".xaccel"


def is_linked(path: Path) -> bool:
    """Tell whether a name of the folder is a link to the current files."""
    return path.is_symlink() and os.readlink(path) == f"{_CURRENT}/{path.name}"


def is_secret(path: Path) -> bool:
    return path.name.startswith("secret")


def not_own(path: Path) -> NginxError:
    """Return the error for a name that xaccel needs and another program has."""
    remedy = "Remove it, or name another folder. NGINX has its configuration in memory until a reload."
    return NginxError(f"{path} was not written by this command", where="--write", remedy=remedy)


@contextmanager
def switched(folder: Path, made: Mapping[str, str]) -> Iterator[None]:
    """Put files into the folder, by path below it; put the old ones back if the block raises.

    All other files stay.

    Raises OSError, and NginxError if a name is a file or a folder, and not a link of this function.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _tidy(folder)
        if not made:
            yield
            return
        names = {name.partition("/")[0] for name in made}
        missing = sorted(name for name in names if not is_linked(folder / name))
        for path in (folder / name for name in missing):
            if os.path.lexists(path):  # also a link whose target is missing
                raise not_own(path)
        before, fresh = _current(folder), _copied(folder)
        for name, text in made.items():
            write_file(fresh / name, text)
        for parent, _, _ in os.walk(fresh):
            flush(Path(parent))
        try:
            # their target does not exist until the switch
            for name in missing:
                _point(folder / name, f"{_CURRENT}/{name}")
            _point(folder / _CURRENT, fresh.name)
            yield
        except BaseException:
            for name in missing:
                (folder / name).unlink(missing_ok=True)
            if before:
                _point(folder / _CURRENT, before.name)
            else:
                (folder / _CURRENT).unlink(missing_ok=True)
            raise
        finally:
            _tidy(folder)


def write_file(path: Path, text: str) -> None:
    """Write a file in one step, to the disk; a secret for its owner alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}{_TEMPORARY}")
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
    """Remove the set that is not in use, and links that a killed command left."""
    for link in folder.glob(f".*{_FRESH}"):
        own = (*_SETS, f"{_CURRENT}/{link.name[1:].removesuffix(_FRESH)}")
        if link.is_symlink() and os.readlink(link) in own:
            link.unlink()
    if _other(folder).exists():
        shutil.rmtree(_other(folder))


def _current(folder: Path) -> Path | None:
    link = folder / _CURRENT
    return folder / os.readlink(link) if link.is_symlink() else None


def _other(folder: Path) -> Path:
    """Return the set that is not in use."""
    return next(folder / name for name in _SETS if folder / name != _current(folder))


def _copied(folder: Path) -> Path:
    """Make the other set from the current one, without names that were removed from the folder.

    The files are hard links, so owners and modes stay, and nothing must be written to the disk again.
    """
    fresh, before = _other(folder), _current(folder)

    def removed(parent: str, names: list[str]) -> list[str]:
        return [name for name in names if parent == str(before) and not is_linked(folder / name)]

    if before is None:
        fresh.mkdir()
    else:
        shutil.copytree(before, fresh, symlinks=True, ignore=removed, copy_function=os.link)
    return fresh


def _point(link: Path, target: str) -> None:
    """Make or replace a symbolic link in one step."""
    fresh = link.with_name(f".{link.name}{_FRESH}")
    fresh.symlink_to(target)
    fresh.replace(link)
    flush(link.parent)
