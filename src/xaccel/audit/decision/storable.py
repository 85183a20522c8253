"""What the database can hold of a text: no NUL, and in an index no more than fits."""

from __future__ import annotations

from hashlib import sha256

LONGEST = 1200
"""Bytes of UTF-8. A key of a bucket has 1024 at most, with its bucket 1088. PostgreSQL's B-tree holds 2704 a row
(https://www.postgresql.org/docs/current/btree.html): two such texts and a time fit."""

_KEPT = 1000


def without_nul(text: str) -> str:
    """Return `text` with U+FFFD in the place of NUL, which PostgreSQL's text cannot hold."""
    return text.replace("\0", "�")


def indexable(text: str) -> str:
    """Return `text`; a longer one cut, with "…" and the first half of its SHA-256 behind."""
    if len(text) * 4 <= LONGEST:
        return text
    plain = text.encode("utf-8", "surrogatepass")
    if len(plain) <= LONGEST:
        return text
    return f"{plain[:_KEPT].decode('utf-8', 'ignore')}…{sha256(plain).hexdigest()[:32]}"
