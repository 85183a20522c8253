"""Known vulnerabilities of NGINX that concern a site which sends downloads, and whether a build has the fixes."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Advisory:
    """One vulnerability.

    where: the part of NGINX, in a few words. sources: keys of SOURCES. advisories.toml explains the others.
    """

    name: str
    where: str
    fixed: tuple[Version, Version]
    since: Version
    sources: Sequence[str]
    debian: int | None = None

    def concerns(self, version: Version) -> bool:
        """Tell whether a build of exactly this version, without patches, has the fault."""
        stable, mainline = self.fixed
        fixed = version >= mainline or (version[:2] == stable[:2] and version >= stable)
        return version >= self.since and not fixed


def _version(text: str) -> Version:
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def _advisory(name: str, row: dict[str, Any]) -> Advisory:
    stable, mainline = map(_version, row.pop("fixed"))
    since = _version(row.pop("since", "0.0.0"))
    return Advisory(name=name, fixed=(stable, mainline), since=since, **row)


_TABLES = tomllib.loads(Path(__file__).with_name("advisories.toml").read_text(encoding="utf-8"))
SOURCES: Mapping[str, str] = _TABLES["sources"]
ADVISORIES = tuple(_advisory(name, row) for name, row in _TABLES["advisories"].items())
"""In the order in which they were fixed."""

PAGE = "the page 'Known vulnerabilities of NGINX' of xaccel's documentation (reference/advisories)"
_DEBIAN_13 = re.compile(r"1\.26\.3-3\+deb13u([0-9]+)")
_DOC = Path("/usr/share/doc")


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution's package. named: the vulnerabilities that its changelog names; None: it cannot be read."""

    revision: str
    named: frozenset[str] | None

    def has_fix(self, advisory: Advisory) -> bool | None:
        """Return whether the package has the fix under its old version; None if that is unknown."""
        debian = _DEBIAN_13.match(self.revision)
        if debian is not None:
            return advisory.debian is None or int(debian[1]) >= advisory.debian
        return None if self.named is None else advisory.name in self.named


def package_of(binary: str, *, documentation: Path = _DOC) -> Package | None:
    """Return the package of dpkg or rpm that owns `binary`; None for a build of another kind."""
    found = shutil.which(binary)
    if found is None:
        return None
    path = os.path.realpath(found)
    owner = _said(["dpkg-query", "--search", path]).partition(": ")[0].partition(",")[0].partition(":")[0]
    revision = _said(["dpkg-query", "--show", "--showformat=${Version}", owner]) if owner else ""
    if revision:
        return Package(revision, _named(documentation / owner / "changelog.Debian.gz"))
    revision = _said(["rpm", "--query", "--queryformat", "%{VERSION}-%{RELEASE}", "--file", path])
    if revision:
        log = _said(["rpm", "--query", "--changelog", "--file", path])
        return Package(revision, _names_in(log) if log else None)
    return None


def warning(version: Version, package: Package | None, *, asked: bool) -> str | None:
    """Return one line about the fixes that a build lacks; None where it lacks none.

    `asked` is true if the build itself was inspected; otherwise only its version is known.
    """
    open_ = [advisory for advisory in ADVISORIES if advisory.concerns(version)]
    if package is not None:
        open_ = [advisory for advisory in open_ if not package.has_fix(advisory)]
    if not open_:
        return None
    number = f"{len(open_)} known {'vulnerability' if len(open_) == 1 else 'vulnerabilities'}"
    name = ".".join(map(str, version))
    if not asked or (package is not None and package.has_fix(open_[0]) is None):
        revision = name if package is None else package.revision
        return f"the version {revision} alone does not show whether {number} of NGINX are fixed in it; see {PAGE}"
    if package is None:
        return f"NGINX {name} is older than the fixes of {number}, such as {open_[-1].name}: update it; see {PAGE}"
    lacks = f"the package {package.revision} lacks the fixes of {number}, such as {open_[-1].name}"
    return f"{lacks}: update it; see {PAGE}"


def _said(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return ""
    return done.stdout.strip()


def _named(changelog: Path) -> frozenset[str] | None:
    try:
        with gzip.open(changelog, "rt", encoding="utf-8", errors="replace") as text:
            return _names_in(text.read())
    except (OSError, EOFError):
        return None


def _names_in(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"CVE-[0-9]{4}-[0-9]{4,}", text))
