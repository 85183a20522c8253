"""The style of xaccel as checks of proselint: short sentences, a noun as subject, the words of the field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

from proselint.registry.checks import Check, CheckResult
from proselint.registry.checks.engine import Fancy
from proselint.registry.checks.types import PreferredForms

MOST_WORDS = 30
CODE = "`code`"
"""What stands in the checked text for a span of code, a placeholder or an interpolated value: one word."""

SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?![\s\"')*_]|$)[^.!?]*)*[.!?]*")
WORD = re.compile(r"\S*[^\W_]\S*")
CLAUSE = re.compile(r"(?:What(?:ever)?|Which(?:ever)?|Whether|Who(?:ever|se|m)?)\b")

WORDS = {
    r"(?:printed|NGINX|whole) texts?": "the NGINX configuration",
    r"print(?:s|ed)? the (?:text|configuration|file|reference)s?": "generate, write",
    r"answer(?:s|ed|ing)?": "response, respond",
    r"ask(?:s|ed|ing)? (?:the |its )?(?:origin|storage|store|S3|server)s?": "request, fetch from",
    r"(?:origin|storage|store|S3|server) is (?:never |not )?asked": "request, fetch from",
    r"log lines?|no line": "log entry",
    r"told|tells": "report, send, log, emit",
    r"(?:stands?|lies?|stood) (?:in|at|on|below|above|beside|before|behind|there)": "is in, is listed",
    r"promises? (?:is |are )?(?:holds?|held)": "is tested, is guaranteed",
    r"mend(?:s|ed|ing)?": "fix",
    r"(?:take[sn]?|taking) in": "read, ingest, store",
    r"who(?:so)?ever": "clients that, users who",
    r"of (?:ours|theirs|yours|(?:its|their|your|one's|our) own)": "the name of the thing",
    r"pe(?:ople|rsons?)(?:['’]s?)?": "user, users",
    r"(?:app['’]s|NGINX['’]s|both|either|other|one) hal(?:f|ves)": "the app, NGINX",
    r"what is kept|is kept (?:by|in) NGINX": "cached",
    r"nothing of|none of it": "none, not any",
    r"to be had": "available",
    r"shall": "must, will",
    r"likewise": "also",
    r"reckon(?:s|ed|ing)?": "expect, count",
    r"(?<=[,;] )save (?:for|that|in|what|one|those)|nothing save": "except",
    r"all at once|told at once": "together",
    r"what (?:cannot|can not|can) be": "name the thing",
    r"way from|way to the (?:origin|storage|store|app)": "connection",
    r"floor|ceiling": "baseline, upper bound",
}
"""The private words, as patterns, and what to write instead."""

BUILT_IN = (
    "archaism",
    "lexical_illusions",
    "malapropisms",
    "misc.illogic",
    "misc.many_a",
    "misc.suddenly",
    "mondegreens",
    "needless_variants",
    "nonwords",
    "redundancy.misc",
    "spelling.misc",
)


BEFORE = (
    "What cannot be sent raises an error, before anything is sent.",
    "Who has waited for 30 seconds asks the origin for it.",
    "Yours; the classes above do nothing, and nobody is told of it.",
    "What is no line is counted and kept.",
    "Nothing of the client's reaches the storage.",
    "A client that says which version it has a part of is safe, also where the store ignores that header, as one store"
    " does: NGINX sends the condition too, and fetches the whole file when the object was replaced.",
)
AFTER = (
    "Invalid keys or options raise `InputRefused`.",
    "A client that waits longer than `lock` (30 s) fetches the object from the storage.",
    "Only your own limit applies; xaccel's classes are silently ignored.",
    "Lines that cannot be parsed are counted and stored in `xaccel_rejected_line`.",
    "What if the object changes? The storage sees only the `Range` and conditional headers.",
)
"""Examples: each of BEFORE has a finding and none of AFTER. A linter that finds nothing looks like clean text."""


def sentences(text: str) -> Iterator[re.Match[str]]:
    return (match for match in SENTENCE.finditer(text) if WORD.search(match[0]))


def find_long_sentences(text: str, check: Check) -> Iterator[CheckResult]:
    for match in sentences(text):
        count = len(WORD.findall(match[0]))
        if count > MOST_WORDS:
            yield CheckResult(
                check.path, f"{count} words in one sentence, at most {MOST_WORDS}", match.span(), None
            )


def find_clauses(text: str, check: Check) -> Iterator[CheckResult]:
    for match in sentences(text):
        if CLAUSE.match(match[0].lstrip(" \n\"'(*")) and not match[0].rstrip().endswith("?"):
            first = match[0].split()[0]
            yield CheckResult(check.path, f"“{first} …” is the subject: name the thing", match.span(), None)


def own() -> tuple[Check, ...]:
    fancy = Fancy()
    return (
        Check(find_long_sentences, path="long"),
        Check(find_clauses, path="clause"),
        Check(PreferredForms(WORDS), fancy, "words", "“{1}”: write {0}"),
    )


def built_in() -> tuple[Check, ...]:
    return tuple(
        check for name in BUILT_IN for check in import_module(f"proselint.checks.{name}").__register__
    )
