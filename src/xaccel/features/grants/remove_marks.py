"""Remove the marks of revocations that no grant needs any more, on NGINX's host while NGINX runs.

No clock says when a grant has ended: it can step. So all grants are deleted before a mark is, in this order:

1. List the marks.
2. Wait until NGINX has stored every decision that is older than the list.
3. Delete all grants. NGINX may have some of the files open, so each is emptied first: an empty file is no grant.
4. Wait until NGINX has compared the uses that it began before with the marks.
5. Delete the listed marks, except those that were written again. Meanwhile NGINX confirms no revocation, since its mark
   could be one that is just deleted.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from xaccel.errors import NginxError
from xaccel.site.site import Site

SWEEPING = "sweeping"
"""While this file is there, NGINX responds to revocations with 503, and the app repeats them."""
STORED_S = 65
"""NGINX waits 60 seconds for a decision (engine/grants/hop.conf)."""
COMPARED_S = 30
_BATCH_SIZE = 1000
_PAUSE_S = 0.1
_GRANT, _MARK = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{64}")
_Version = tuple[int, int]


def remove_marks(site: Site, *, stored_s: float = STORED_S, compared_s: float = COMPARED_S) -> int:
    """Remove the marks that are there now, and all grants; return the number of marks. It takes 95 seconds.

    Raises NginxError if this user may not change the folders.
    """
    folder = site.grants_folder
    try:
        with _opened(folder) as grants, _opened(site.revocations_folder) as marks:
            # another command would end the pause of revocations while this one still deletes
            fcntl.flock(marks, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):  # of a command that was killed
                os.unlink(SWEEPING, dir_fd=marks)
            versions = {name: _version(name, marks) for name in _names(marks, _MARK)}
            if not versions:
                return 0
            time.sleep(stored_s)
            for name in _names(grants, _GRANT):
                _delete_grant(name, grants)
            time.sleep(compared_s)
            return sum(1 for _ in _deleted(versions, marks))
    except FileNotFoundError:  # NGINX was stopped, and its folders were deleted
        return 0
    except OSError as error:
        remedy = "Run the command on NGINX's host, as root or as the user of NGINX's workers."
        raise NginxError(f"{folder}: {error.strerror}", where='GRANTS["folder"]', remedy=remedy) from error


@contextmanager
def _opened(folder: str) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int, pattern: re.Pattern[str]) -> list[str]:
    return [name for name in os.listdir(folder) if pattern.fullmatch(name)]


def _version(name: str, folder: int) -> _Version | None:
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return status.st_ino, status.st_ctime_ns
    return None


def _delete_grant(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):  # NGINX deletes grants too
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)
        os.unlink(name, dir_fd=folder)


def _deleted(versions: dict[str, _Version | None], folder: int) -> Iterator[str]:
    """Delete marks that are still the listed ones, in batches, and yield their names."""
    names = list(versions)
    for first in range(0, len(names), _BATCH_SIZE):
        os.close(os.open(SWEEPING, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder))
        try:
            for name in names[first : first + _BATCH_SIZE]:
                if versions[name] is not None and _version(name, folder) == versions[name]:
                    os.unlink(name, dir_fd=folder)
                    yield name
        finally:
            os.unlink(SWEEPING, dir_fd=folder)
        time.sleep(_PAUSE_S)
