"""The configuration that an operator reviews stays small, and each file says what it is for."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from tests import counts
from tests.live.config.golden import BUILDS, SITES
from xaccel.site import Site

ENGINE = counts.engine()
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def test_the_engine_is_at_most_1050_lines() -> None:
    assert counts.engine_lines() <= 1050


@pytest.mark.parametrize("build", BUILDS)
def test_a_site_with_one_s3_origin_is_at_most_62_lines(build: str) -> None:
    assert counts.site_lines(counts.PLAIN, BUILDS[build]) <= 62


@pytest.mark.parametrize("build", BUILDS)
def test_a_site_with_cache_slices_limits_and_a_log_is_at_most_110_lines(build: str) -> None:
    assert counts.site_lines(counts.FULL, BUILDS[build]) <= 110


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("site", [counts.PLAIN, counts.FULL], ids=["plain", "full"])
def test_a_further_s3_origin_is_at_most_25_lines(site: Site, build: str) -> None:
    assert counts.origin_lines(site, BUILDS[build]) <= 25


def test_the_python_in_nginx_is_at_most_1600_lines() -> None:
    """With comments and blank lines. It was 3,367 lines before the engine was static."""
    assert counts.python_lines() <= 1600


def test_every_engine_file_is_included_by_some_site() -> None:
    """A file that no site includes is one that nobody needs to review, so it must not be there."""
    sites = [*SITES.values(), counts.PLAIN, counts.FULL, replace(counts.PLAIN, buffers="16 32k")]
    used = set().union(*(counts.included(site, build) for site in sites for build in BUILDS.values()))
    assert set(ENGINE) - used == set()


def repeated(texts: list[str], length: int = 6) -> list[str]:
    """Return each run of `length` lines of code that occurs more than once."""
    seen = Counter[str]()
    for text in texts:
        lines = [line.strip() for line in counts.code(text)]
        seen.update("\n".join(lines[place : place + length]) for place in range(len(lines) - length + 1))
    return [lines for lines, times in seen.items() if times > 1]


def test_no_six_lines_of_the_engine_are_repeated() -> None:
    assert repeated(list(ENGINE.values())) == []


def directives_in(line: str) -> int:
    """Count the directives that end in a line, without those in quotes and comments."""
    return re.sub(r"\s#.*|^#.*", "", QUOTED.sub("", line)).count(";")


def test_a_line_of_the_engine_has_one_directive() -> None:
    """Except in lists: names to hide, and maps with a table of one line."""
    lists = re.compile(r'\s*proxy_hide_header |map \S+ \$\w+ +\{ .*\}(?:\s+#.*)?$|map "" ')
    found = [
        f"{name}: {line}"
        for name, text in ENGINE.items()
        if name.endswith(".conf")
        for line in text.splitlines()
        if directives_in(line) > 1 and not lists.match(line)
    ]
    assert found == []


def test_only_values_make_a_line_of_the_engine_longer_than_120_characters() -> None:
    """Expressions, and values that NGINX reads as one word, cannot be wrapped; comments and lists can."""
    one_value = re.compile(r'map "|.*"~|if \(|\s*default "')
    found = [
        f"{name}: {line}"
        for name, text in ENGINE.items()
        for line in text.splitlines()
        if len(line) > 120 and not one_value.match(line)
    ]
    assert found == []


def heading(text: str) -> str:
    """Return the comment that a file begins with, as one line."""
    lines = []
    for line in text.splitlines():
        if not line.startswith(("#", "//")) or not line.strip("#/ "):
            break
        lines.append(line.lstrip("#/ "))
    return " ".join(lines)


@pytest.mark.parametrize("name", ENGINE)
def test_an_engine_file_begins_with_its_purpose_and_place(name: str) -> None:
    found = heading(ENGINE[name])
    assert found.startswith("xaccel engine: ")
    assert re.search(r"\b(?:included?|imported)\b", found, re.IGNORECASE)
