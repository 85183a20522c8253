"""The configuration that an operator reviews stays small, and each file says what it is for."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests import counts
from tests.live.config.golden import BUILDS, SITES
from xaccel.site import Site

ENGINE = counts.engine()
ARCHIVES = {name for name in ENGINE if name == "listener.conf" or name.startswith("archives/")}

UPLOADS = {name for name in ENGINE if name.startswith("uploads/")}


GRANTS = {name for name in ENGINE if name.startswith("grants/")}


def test_the_engine_is_at_most_1050_lines() -> None:
    assert counts.engine_lines(ENGINE.keys() - ARCHIVES - GRANTS - UPLOADS) <= 1050


def test_the_engine_for_uploads_is_at_most_280_lines() -> None:
    assert counts.engine_lines(UPLOADS) <= 280


def test_the_engine_for_archives_is_at_most_200_lines() -> None:
    assert counts.engine_lines(ARCHIVES) <= 200


def test_the_engine_for_grants_is_at_most_195_lines() -> None:
    assert counts.engine_lines(GRANTS) <= 195


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


def test_every_engine_file_is_included_by_some_site() -> None:
    """A file that no site includes is one that nobody needs to review, so it must not be there."""
    sites = [*SITES.values(), counts.PLAIN, counts.FULL, replace(counts.PLAIN, buffers="16 32k")]
    used = set().union(
        *(
            counts.included(site, build)
            for site in sites
            for build in BUILDS.values()
            if site is not SITES["directory"] or "dav" in build.modules
        )
    )
    assert set(ENGINE) - used == set()


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
