"""The checks of `xaccel lint`: the table checks.toml, and what they find in a configuration."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xaccel.errors import ConfigError
from xaccel.tools.lint.configuration import Configuration
from xaccel.tools.lint.faults import faults
from xaccel.tools.lint.location import FetchLocation, places
from xaccel.tools.lint.published import published
from xaccel.tools.lint.reading import Files, files_of_dump, lines_of_file, read_text
from xaccel.tools.lint.tree import Line

FINE, FOUND, NOT_LOOKED = 0, 1, 2
SCHEMA_VERSION = 1
PAGE = "operate/lint.html"
PUBLISHED_FAULTS = "XA723"
_TABLE = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question about a location. title: the state of a sound one. failure: what is wrong otherwise.

    worst: the status otherwise.
    """

    id: str
    title: str
    failure: str
    consequence: str
    remedy: str
    worst: Literal["fail", "warn"] = "fail"

    def text(self) -> str:
        """Return what `xaccel lint --explain` prints, which is the section of the documentation too."""
        paragraphs = (
            f"{self.title}. Otherwise: {self.failure}.",
            f"Status otherwise: {self.worst}.",
            f"Consequence: {self.consequence}",
            f"Remedy: {self.remedy}",
        )
        return "\n\n".join(textwrap.fill(text, 118, break_on_hyphens=False) for text in paragraphs) + "\n"


CHECKS: Mapping[str, Check] = {name: Check(id=name, **row) for name, row in _TABLE.items()}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a place. where: file and line. place: the directive there."""

    check: Check
    where: str
    place: str
    fault: str

    @property
    def text(self) -> str:
        """The finding in one line."""
        return f"{self.where}: {self.place} {self.fault}"

    def as_json(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        file, _, line = self.where.rpartition(":")
        return {"file": file, "line": int(line), "directive": self.place, "fault": self.fault}


@dataclass(slots=True)
class Report:
    """The result of all checks. places: the locations that were checked. unread: each with the reason.

    placeholders: of an image's template, by their text: where each is first. nginx: its version; empty: not known.
    is_of_xaccel: there are files that xaccel generated, which the doctor checks.
    """

    files: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    places: Sequence[FetchLocation] = ()
    placeholders: Mapping[str, str] = field(default_factory=dict)
    nginx: str = ""
    is_of_xaccel: bool = False
    findings: list[Finding] = field(default_factory=list)

    def of(self, check: Check) -> list[Finding]:
        """Return the findings of one check."""
        return [one for one in self.findings if one.check == check]

    def status_of(self, check: Check) -> str:
        """Return `ok`, `fail`, `warn`, or `skipped` for a check that had nothing to look at."""
        if not self.places or (check.id == PUBLISHED_FAULTS and not self.nginx):
            return "skipped"
        return check.worst if self.of(check) else "ok"

    def exit_status(self, *, strict: bool = True) -> int:
        """Return 0 if all is fine, 1 for findings, 2 if something could not be looked at. strict: warnings count."""
        if self.unread or not self.places:
            return NOT_LOOKED
        return FOUND if any(strict or one.check.worst == "fail" for one in self.findings) else FINE

    def as_json(self, *, strict: bool = True) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        results = [
            {
                **{name: getattr(each, name) for name in ("id", "title", "failure", "consequence", "remedy")},
                "status": self.status_of(each),
                "findings": [one.as_json() for one in self.of(each)],
                "page": f"{PAGE}#{each.id.lower()}",
            }
            for each in CHECKS.values()
        ]
        return {
            "schema_version": SCHEMA_VERSION,
            "exit_status": self.exit_status(strict=strict),
            "files": self.files,
            "not_read": self.unread,
            "nginx": self.nginx,
            "placeholders": self.placeholders,
            "locations": [place.shown for place in self.places],
            "results": results,
        }


def lint(
    paths: Sequence[Path | str], *, prefix: Path | None = None, only: Collection[str] = (), nginx: str = ""
) -> Report:
    """Check configurations together. A path is a file, or text of `nginx -T`.

    prefix: the folder in which relative includes begin; by default the nearest folder with nginx.conf, else the file's.
    nginx: the version, such as 1.31.3, or of Debian 13's package. Raises ValueError for other text.
    """
    report, main = Report(nginx=nginx), list[Line]()
    for path in paths:
        try:
            main += _lines_of(path, prefix, report)
        except OSError as error:
            report.unread.append(f"{path if isinstance(path, Path) else 'standard input'}: {error.strerror}")
        except ConfigError as error:
            report.unread.append(str(error))
    configuration = Configuration(tuple(main))
    report.places = list(places(configuration))
    report.placeholders = configuration.placeholders
    report.is_of_xaccel = any(line.words[0] == "include" for line, _ in configuration.lines)
    found = list(findings(report.places))
    if nginx:
        check, program = CHECKS[PUBLISHED_FAULTS], f"NGINX {nginx}"
        found += [Finding(check, where, program, fault) for where, fault in published(configuration, nginx)]
    report.findings = [one for one in found if not only or one.check.id in only]
    return report


def findings(found: Sequence[FetchLocation]) -> Iterator[Finding]:
    """Yield the findings in these locations."""
    for place in found:
        name = " ".join(place.line.words)
        yield from (Finding(CHECKS[check], place.line.where, name, fault) for check, fault in faults(place))


def _lines_of(path: Path | str, prefix: Path | None, report: Report) -> tuple[Line, ...]:
    files = files_of_dump(path if isinstance(path, str) else read_text(path))
    if files is not None:
        name = next(iter(files.dumped or ()))
    elif isinstance(path, str):
        raise OSError(0, "it is not the output of `nginx -T`")
    else:
        name, files = str(path), Files(prefix or prefix_of(path))
        if {name, str(path.absolute())} & {*report.files}:
            return ()
    try:
        return lines_of_file(name, files)
    finally:
        report.files += files.names
        report.unread += files.unread


def prefix_of(path: Path) -> Path:
    """Return the folder in which NGINX looks for relative includes: the nearest with nginx.conf, else the file's."""
    folders = path.absolute().parents
    return next((folder for folder in folders if (folder / "nginx.conf").is_file()), folders[0])
