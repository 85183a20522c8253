"""What a transfer was when it was sealed as `unknown`, before its line came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xaccel.audit.chain.chain import address_of, content_of, person_of
from xaccel.audit.decision.pseudonym import is_pseudonym
from xaccel.audit.models import OF_THE_APP, Seal, Transfer
from xaccel.audit.outcome import Outcome

_NOT_OF_THE_LINE = {"id", "outcome", "version", "download_id", "sealed", *OF_THE_APP}
_NO_LINE = {
    column.attname: None if column.null else {} if column.attname == "details" else ""
    for column in Transfer._meta.concrete_fields
    if column.attname not in _NOT_OF_THE_LINE
}


def is_half(link: Seal, row: Mapping[str, Any], *, forgotten: bool) -> bool:
    """Tell whether `link` holds of `row` what the app alone had said of it."""
    return any(
        content_of(half) == link.content
        and (bool(link.person_salt) or forgotten)
        and has_person(link, half)
        and has_address(link, half if link.address_salt else row)
        for half in _halves(row)
    )


def has_person(link: Seal, row: Mapping[str, Any]) -> bool:
    """Tell whether the person is the one of `link`; nobody, where its salt was removed."""
    if link.person_salt:
        return person_of(link.person_salt, row) == link.person
    return bool(is_pseudonym(row["subject"])) and not row["client"] and not row["filename"]


def has_address(link: Seal, row: Mapping[str, Any]) -> bool:
    """Tell whether the address is the one of `link`; none, where its salt was removed."""
    if link.address_salt:
        return address_of(link.address_salt, row) == link.address
    return row["ip"] is None


def _halves(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for version in {"", row["version"]}:
        yield {**row, **_NO_LINE, "outcome": Outcome.UNKNOWN, "version": version}
