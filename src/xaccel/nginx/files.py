"""The parts as files that an NGINX includes: written whole or not at all, and again when DNS changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.nginx import buffers
from xaccel.nginx.emit import comment, emit
from xaccel.nginx.probe import Nginx
from xaccel.nginx.render import SCRIPT, Parts, render
from xaccel.site import PROTOCOL, Site

PARTS = ("http", "server", "app", "warm")

_HEADINGS = {
    "http": f"Inside http {{ }}: include it once. {buffers.CONNECTIONS}",
    "server": f"Inside each server {{ }} that sends downloads. {buffers.SEND_BUFFER}",
    "app": "Inside each location { } that proxies to the app.",
    "warm": "Inside http { }, behind xaccel-http.conf, where `xaccel warm` fills the cache.",
}


def names_of_parts(parts: Parts) -> tuple[str, ...]:
    """Return the names of the parts that the site has."""
    return tuple(name for name in PARTS if getattr(parts, name))


def part_text(parts: Parts, name: str) -> str:
    """Print one part under a line that says what it understands and where it belongs."""
    heading = "\n".join(comment(f"xaccel-{name}.conf, for hand-off protocol {PROTOCOL}. {_HEADINGS[name]}"))
    return f"{heading}\n{emit(getattr(parts, name))}"


def texts(site: Site, nginx: Nginx, folder: Path, *, write_addresses: bool = False) -> dict[Path, str]:
    """Return the files for `folder` with their text; the njs code is one of them where it is used.

    Raises what `render` raises.
    """
    folder = folder.resolve()
    script = folder / SCRIPT.name
    parts = render(site, nginx, script=str(script), write_addresses=write_addresses)
    made = {folder / f"xaccel-{name}.conf": part_text(parts, name) for name in names_of_parts(parts)}
    if nginx.njs:
        made[script] = SCRIPT.read_text(encoding="utf-8")
    return made


def write(made: Mapping[Path, str]) -> list[Path]:
    """Write the files, readable by their owner alone: they hold the site's secret. Return their paths.

    Raises NginxError where this user may not write there, or the disk is full.
    """
    for path, text in made.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, text)
        except OSError as error:
            raise _not_allowed(path, "written", error) from error
    return list(made)


def refresh(made: Mapping[Path, str], nginx: Sequence[str]) -> list[Path]:
    """Write what differs, test it with `nginx -t` and reload; return the paths that changed.

    `nginx` is the program with its options for prefix and configuration. Nothing is done where nothing differs.

    Raises NginxError in NGINX's words where it refuses; the old files are back then, and NGINX goes on as it was.
    """
    old = {path: _before(path) for path in made}
    changed = {path: text for path, text in made.items() if text != old[path]}
    if not changed:
        return []
    try:
        write(changed)
        _call([*nginx, "-t"])
        _call([*nginx, "-s", "reload"])
    except (NginxError, OSError):
        for path in changed:
            before = old[path]
            if before is None:
                path.unlink(missing_ok=True)
            else:
                _replace(path, before)
        raise
    return list(changed)


def _before(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_allowed(path, "read", error) from error


def _not_allowed(path: Path, what: str, error: OSError) -> NginxError:
    return NginxError(
        f"{path} cannot be {what} ({error.strerror})",
        where="--write",
        remedy="Run the command as the user who owns that folder, mostly root, or name a folder of this user's.",
    )


def _call(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise NginxError(
            f"{command[0]!r} cannot be run ({error})", where="nginx", remedy="Give its path with --nginx."
        ) from error
    if done.returncode != 0:
        raise NginxError(
            f"`{' '.join(command)}` failed",
            where="nginx",
            remedy=f"It says: {done.stderr.strip() or '(nothing)'}",
        )


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    mode = 0o644 if path.name == SCRIPT.name else 0o600
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
