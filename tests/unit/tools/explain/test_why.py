"""Each `why` that NGINX can log has its cause and its remedy."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tests.live.origin.failure_rows import ROWS
from xaccel.site.transfer_log import REASONS
from xaccel.tools.explain.why import (
    ALL_SENT,
    ANY_STATUS,
    ARCHIVE,
    LEFT,
    MEMBERS,
    MISSING,
    NOT_READ,
    UPLOAD,
    WHY,
    why_of,
    why_of_member,
)

ENGINE = Path(__file__).parents[4] / "src/xaccel/tools/nginx/engine"
WHERE_A_WHY_IS_DECIDED = ("why", "denied", "refused", "refusal", "bad_response")
"""Variables without their stem; those that their values name are followed."""


def logged(text: str) -> set[str]:
    """The words that the variable of the log's `why` can have; `origin_` for all statuses."""
    found = re.search(r'"why":"\$(xaccel_(?:[a-z0-9]+_)?)why"', text)
    assert found, "the log has no why"
    stem = found[1]
    values: defaultdict[str, set[str]] = defaultdict(set)
    for name, rows in re.findall(r"map [^\n]* \$(\w+) \{\n(.*?)\n\}", text, re.DOTALL):
        lines = [row.strip() for row in rows.splitlines()]
        values[name] |= {row.rpartition(" ")[2].rstrip(";") for row in lines if not row.startswith("#")}
    for name, value in re.findall(r"set \$(\w+) ([^\s;]+);", text):
        values[name].add(value)
    words, waiting, done = set(), {stem + name for name in WHERE_A_WHY_IS_DECIDED}, set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        for value in values[name]:
            word = value.strip('"')
            if word.startswith(f"${stem}") and word[1:] in values and word[1:] not in done:
                waiting.add(word[1:])
            elif word.startswith("origin_$"):
                words.add("origin_")
            elif re.fullmatch("[a-z]+(?:_[a-z]+)*", word):
                words.add(word)
    return words - {"volatile", "hostnames"}


WORDS = logged("".join(path.read_text() for path in sorted(ENGINE.rglob("*.conf"))))


def test_each_why_of_a_configuration_has_a_row() -> None:
    assert {"forged", "limited", "origin_failed", "wrong_region", "slice_failed", "origin_"} <= WORDS
    assert WORDS - {"origin_"} - WHY.keys() == set()


def test_the_trail_counts_by_each_why_that_has_a_row() -> None:
    assert {why for why in WHY if not re.fullmatch("origin_[0-9]{3}", why)} == REASONS


def test_no_row_is_left_over() -> None:
    of_rows = {"client_or_nginx"}  # never in a log: `xaccel ingest` stores it
    assert {why for why in WHY if not re.fullmatch("origin_[0-9]{3}", why)} - of_rows <= WORDS


def test_each_failure_of_the_live_tests_has_a_row() -> None:
    for row in ROWS:
        for got in filter(None, (row.got, row.stock)):
            assert why_of({"why": got.why, "completion": got.completion}) is not None, got.why


def test_an_empty_why_says_whether_all_was_sent() -> None:
    assert why_of({"why": "", "completion": "OK"}) is ALL_SENT
    assert why_of({"why": "", "completion": ""}) is LEFT
    for status, meaning in {
        "200": ALL_SENT,
        "304": ALL_SENT,
        "416": ALL_SENT,
        "404": MISSING,
        "502": NOT_READ,
    }.items():
        assert why_of({"why": "", "completion": "OK", "status": status}) is meaning
    assert why_of({"why": "origin_418"}) is ANY_STATUS
    assert why_of({"why": "of a later version"}) is None
    for why, meaning in ARCHIVE.items():
        assert why_of({"why": why, "origin": "archives"}) is meaning
        assert why_of({"why": why, "origin": "documents"}) is not meaning
    for why, meaning in UPLOAD.items():
        entry = {"kind": "upload", "origin": "documents", "why": "" if why == "stored" else why}
        assert why_of(entry) is meaning
        assert not meaning.ask
    assert why_of({"kind": "upload", "why": "origin_507"}) is UPLOAD["origin_"]
    assert why_of({"kind": "upload", "why": "of a later version"}) is None


def test_what_failed_in_an_archive_has_a_remedy_of_the_member_or_of_the_part() -> None:
    def of(status: str, why: str = "", origin: str = "documents") -> str:
        return why_of_member({"origin": origin, "origin_status": status, "why": why})

    assert (of("412"), of("206", "not_the_member")) == (MEMBERS["412"], MEMBERS["length"])
    assert (of("404"), of("", "url_refused")) == (WHY["origin_404"].remedy, WHY["url_refused"].remedy)
    assert (of("418"), of("200, 403", origin="")) == (ANY_STATUS.remedy, ARCHIVE["origin_403"].remedy)


def test_each_row_is_complete_sentences_and_differs_from_the_others() -> None:
    assert ALL_SENT.remedy == ""
    for why in (*WHY.values(), *ARCHIVE.values(), *UPLOAD.values(), ANY_STATUS, LEFT, MISSING, NOT_READ):
        assert re.fullmatch(r"[A-Z].*\.", why.cause)
        assert re.fullmatch(r"[A-Z].*\.", why.remedy)
    assert len({why.cause for why in WHY.values()}) == len(WHY)
