"""Known vulnerabilities of NGINX that concern a site which sends downloads, and whether a build has the fixes."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int, int]

SOURCES: Mapping[str, str] = {
    "nginx": "https://nginx.org/en/security_advisories.html",
    "debian": "the changelog of Debian's package nginx 1.26.3-3+deb13u11",
    "mageia": "https://advisories.mageia.org/MGASA-2026-0605.html",
    "cve": "https://www.cve.org/CVERecord",
    "openbsd": "https://www.mail-archive.com/ports-changes@openbsd.org/msg182555.html",
    "gitlab": "https://gitlab.com/gitlab-org/omnibus-gitlab/-/merge_requests/10139",
}
"""Where the rows of ADVISORIES were read, on 26 November 2026."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One vulnerability.

    since: the first version that has it. fixed: the first versions without it, of the stable and the mainline branch.
    debian: N of the first package 1.26.3-3+deb13uN with the fix; None where Debian 13 never had the fault.
    where: the part of NGINX, in a few words. sources: keys of SOURCES.
    """

    name: str
    where: str
    fixed: tuple[Version, Version]
    debian: int | None
    sources: tuple[str, ...]
    since: Version = (0, 0, 0)

    def concerns(self, version: Version) -> bool:
        """Tell whether a build of exactly this version, without patches, has the fault."""
        stable, mainline = self.fixed
        fixed = version >= mainline or (version[:2] == stable[:2] and version >= stable)
        return version >= self.since and not fixed


_MAY_1, _MAY_2 = ((1, 30, 1), (1, 31, 0)), ((1, 30, 2), (1, 31, 1))
_JULY, _SEPTEMBER = ((1, 30, 4), (1, 31, 3)), ((1, 30, 5), (1, 31, 6))
_OCTOBER, _NOVEMBER = ((1, 30, 6), (1, 31, 7)), ((1, 30, 7), (1, 31, 9))
_OF_OCTOBER, _OF_NOVEMBER = ("debian", "openbsd"), ("debian", "mageia", "gitlab")

ADVISORIES: tuple[Advisory, ...] = (
    Advisory(
        "CVE-2026-1642",
        "plain text before the TLS of an origin",
        ((1, 28, 2), (1, 29, 5)),
        2,
        ("nginx", "debian"),
    ),
    Advisory("CVE-2026-42945", "rewrite module", _MAY_1, 5, ("nginx", "debian"), (0, 6, 27)),
    Advisory("CVE-2026-9256", "rewrite module", _MAY_2, 6, ("nginx", "debian"), (0, 1, 17)),
    Advisory("CVE-2026-42533", "map with a regular expression", _JULY, 8, ("nginx", "debian"), (0, 9, 6)),
    Advisory("CVE-2026-60005", "slice module", _JULY, 8, ("nginx", "debian"), (1, 15, 8)),
    Advisory("CVE-2026-56434", "SSI", _JULY, 8, ("nginx", "debian"), (0, 8, 11)),
    Advisory("CVE-2026-90439", "HTTP/3", _SEPTEMBER, None, ("nginx",), (1, 29, 2)),
    Advisory("CVE-2026-15176", "alias after a rewrite", _OCTOBER, 10, _OF_OCTOBER),
    Advisory("CVE-2026-93479", "strings with variables", _OCTOBER, 10, (*_OF_OCTOBER, "cve")),
    Advisory("CVE-2026-95101", "request bodies over HTTP/3", _OCTOBER, 10, _OF_OCTOBER),
    Advisory("CVE-2026-97629", "keys of TLS session tickets", _OCTOBER, 10, _OF_OCTOBER),
    Advisory("CVE-2026-97205", "SSI with asynchronous file I/O", _OCTOBER, 10, _OF_OCTOBER),
    Advisory("CVE-2026-123007", "HTTP/2 flow control", _NOVEMBER, 11, _OF_NOVEMBER),
    Advisory("CVE-2026-123633", "HTTP/2 connections", _NOVEMBER, 11, (*_OF_NOVEMBER, "cve"), (1, 19, 7)),
    Advisory("CVE-2026-123634", "resolver", _NOVEMBER, 11, (*_OF_NOVEMBER, "cve"), (0, 6, 18)),
    Advisory("CVE-2026-118899", "request bodies over TLS 1.3", _NOVEMBER, 11, ("debian", "mageia", "cve")),
    Advisory("CVE-2026-113425", "mail proxy", _NOVEMBER, 11, _OF_NOVEMBER),
    Advisory("CVE-2026-121810", "QUIC", _NOVEMBER, 11, _OF_NOVEMBER),
    Advisory("CVE-2026-125283", "alias with try_files", _NOVEMBER, 11, ("debian", "mageia")),
)
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
        """Tell whether the package has the fix under its old version; None where that cannot be told."""
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

    `asked` tells whether the build itself was looked at; otherwise only its version is known.
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
        return f"the version {revision} alone does not tell whether {number} of NGINX are fixed in it; see {PAGE}"
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
