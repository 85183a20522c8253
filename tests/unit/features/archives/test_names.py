"""The names in an archive: none leaves the folder of an unpacker, hides what it is, or replaces another one."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.features.archives.names import RULES
from xaccel.features.archives.members import archive_names


@pytest.mark.parametrize("given", RULES)
def test_a_name_is_made_safe_by_one_rule(given: str) -> None:
    assert [name.decode() for name in archive_names([given])] == [RULES[given]]


def test_names_that_are_the_same_to_some_file_system_are_numbered() -> None:
    given = ["a.txt", "A.TXT", "a (2).txt", "a.txt", ".bashrc", ".bashrc", "x/y.tar.gz", "x/Y.tar.gz"]
    assert [name.decode() for name in archive_names(given)] == [
        *("a.txt", "A (2).TXT", "a (2) (2).txt", "a (3).txt"),
        *(".bashrc", ".bashrc (2)", "x/y.tar.gz", "x/Y.tar (2).gz"),
    ]


def test_a_file_with_the_name_of_a_folder_is_numbered() -> None:
    assert archive_names(["a", "A/b/c", "a/b", "a (2)/d"]) == [b"a (3)", b"A/b/c", b"a/b (2)", b"a (2)/d"]


def test_many_equal_names_are_numbered_in_a_moment() -> None:
    names = archive_names(["a.pdf"] * 20_000)
    assert len(set(names)) == 20_000
    assert names[-1] == b"a (20000).pdf"


ALPHABET = st.sampled_from(
    ["a", "A", "/", "\\", ".", " ", "\0", "\n", "\u202e", "ü", "\ud800", "con", "(2)", ":"]
)


@given(st.lists(st.lists(ALPHABET, max_size=12).map("".join), max_size=8))
def test_no_name_leaves_its_folder_hides_or_meets_another(given: list[str]) -> None:
    names = [name.decode() for name in archive_names(given)]
    assert len(names) == len(given)
    folded = {name.casefold() for name in names}
    assert len(folded) == len(names)
    for name in names:
        assert not re.search(r'[\x00-\x1f\x7f-\x9f\u202a-\u202e\\:*?"<>|]', name)
        assert unicodedata.is_normalized("NFC", name)
        parts = name.split("/")
        assert all(part and part[-1] not in ". " and part.casefold() != "con" for part in parts)
        assert not any("/".join(parts[:depth]).casefold() in folded for depth in range(1, len(parts)))
