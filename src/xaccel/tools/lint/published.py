"""Published faults of NGINX that a configuration can meet: the table published.toml, and its conditions.

A distribution fixes faults in an old version, so its version alone proves nothing. Debian 13's revisions are in the
table; of other packages nothing is claimed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xaccel.tools.lint.configuration import VARIABLE, Configuration
from xaccel.tools.lint.tree import lines_of

Version = tuple[int, ...]
PUBLISHED: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("published.toml").read_text(encoding="utf-8")
)
_PACKAGE = re.compile(r"1\.26\.3-3\+deb13u(\d+)")
_SUBREQUESTS = ("auth_request", "mirror", "add_before_body", "add_after_body", "slice")
_GROUPED = re.compile(r"\((?!\?)[^()]*\((?!\?)")


def published(configuration: Configuration, version: str) -> Iterator[tuple[str, str]]:
    """Yield file and line, and the text, of each fault that a configuration can meet in this version.

    version: such as 1.26.3, or that of Debian 13's package. Raises ValueError for another package, and for other text.
    """
    package = _PACKAGE.match(version)
    if not package and not re.fullmatch(r"\d+(\.\d+){2}", version):
        raise ValueError(version)
    for name, row in PUBLISHED.items():
        fixed = int(package[1]) >= row["debian"] if package else not has_fault(version, row)
        if not fixed and (where := CONDITIONS[row["when"]](configuration)):
            versions = " and ".join(row["fixed"])
            until = f"{versions}, and 1.26.3-3+deb13u{row['debian']}" if package else versions
            yield where, f"{name} ({row['date']}): {row['what']}; fixed in {until}"


def has_fault(version: str, row: Mapping[str, Any]) -> bool:
    """Tell whether a version of nginx.org has a fault: it is older than the fix of its branch, or of the next one."""
    here, fixes = _parsed(version), sorted(map(_parsed, row["fixed"]))
    own = [fix for fix in fixes if fix[:2] == here[:2]]
    return (
        _parsed(row.get("since", "0.0.0"))
        <= here
        < (own or [fix for fix in fixes if fix > here] or [here])[0]
    )


def _parsed(version: str) -> Version:
    return tuple(map(int, version.split(".")))


def _first(configuration: Configuration, *names: str, value: str = "") -> str:
    """Return where one of these directives is first, with this value if one is given; empty: nowhere."""
    found = (line for line, _ in configuration.lines if line.words[0] in names)
    return next((line.where for line in found if not value or value in line.words[1:]), "")


def _resolver_in_subrequests(configuration: Configuration) -> str:
    subrequests = _first(configuration, *_SUBREQUESTS) or _ssi(configuration)
    return _first(configuration, "resolver") if subrequests else ""


def _http2(configuration: Configuration) -> str:
    return _first(configuration, "http2", value="on") or _first(configuration, "listen", value="http2")


def _ssi(configuration: Configuration) -> str:
    return _first(configuration, "ssi", value="on")


def _ssi_with_aio(configuration: Configuration) -> str:
    is_asynchronous = any(
        line.words[0] == "aio" and line.words[1:] != ("off",) for line, _ in configuration.lines
    )
    return _ssi(configuration) if is_asynchronous else ""


def _tls(configuration: Configuration) -> str:
    protocols = [line.words for line, _ in configuration.lines if line.words[0] == "ssl_protocols"]
    is_old = protocols and not any("TLSv1.3" in words for words in protocols)
    return "" if is_old else _first(configuration, "listen", value="ssl")


def _alias_with(name: str) -> Callable[[Configuration], str]:
    def where(configuration: Configuration) -> str:
        blocks = (line for line, _ in configuration.lines if line.words[0] == "location")
        return next(
            (one.where for one in blocks if lines_of("alias", one.inside) and lines_of(name, one.inside)), ""
        )

    return where


def _map_of_expressions(configuration: Configuration) -> str:
    maps = (line for line, _ in configuration.lines if line.words[0] == "map")
    return next((one.where for one in maps if any(row.words[0].startswith("~") for row in one.inside)), "")


def _overlapping_captures(configuration: Configuration) -> str:
    rewrites = (line for line, _ in configuration.lines if line.words[0] == "rewrite" and line.words[2:])
    return next(
        (one.where for one in rewrites if _GROUPED.search(one.words[1]) and len(_captures(one.words[2])) > 1),
        "",
    )


def _rewrite_to_query(configuration: Configuration) -> str:
    for line, path in configuration.lines:
        if line.words[0] == "rewrite" and line.words[2:] and "?" in line.words[2]:
            after = path[-1][path[-1].index(line) + 1 :]
            if any(
                one.words[0] in ("rewrite", "if", "set") and _captures(" ".join(one.words)) for one in after
            ):
                return line.where
    return ""


def _captures(text: str) -> Sequence[str]:
    return [name for name in VARIABLE.findall(text) if name.isdigit()]


def _tls_backend(configuration: Configuration) -> str:
    passes = (line for line, _ in configuration.lines if line.words[0] == "proxy_pass" and line.words[1:])
    return next((one.where for one in passes if not one.words[1].startswith("http://")), "")


CONDITIONS: Mapping[str, Callable[[Configuration], str]] = {
    "resolver_in_subrequests": _resolver_in_subrequests,
    "http2": _http2,
    "http3": lambda configuration: _first(configuration, "listen", value="quic"),
    "tls": _tls,
    "alias_with_try_files": _alias_with("try_files"),
    "alias_with_rewrite": _alias_with("rewrite"),
    "ssi": _ssi,
    "ssi_with_aio": _ssi_with_aio,
    "map_of_expressions": _map_of_expressions,
    "slice": lambda configuration: _first(configuration, "slice"),
    "overlapping_captures": _overlapping_captures,
    "rewrite_to_query": _rewrite_to_query,
    "tls_backend": _tls_backend,
}
"""By name: where a configuration meets it; empty: nowhere."""
