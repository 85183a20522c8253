"""A vector through the library: its input as it stands in the file, and what comes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from xaccel import HandOff, InputRefused, ObjectRef, Options, Sender
from xaccel.site import read_mapping
from xaccel.site.origins import S3Origin

OUTCOMES = ("hand_off", "unsigned_url", "refused")
"""The fields of a vector that the library gives."""


def outcome(vector: dict[str, Any], sites: dict[str, Any]) -> dict[str, Any]:
    """Return what a vector promises: {"refused": input}, or {"hand_off": …} with its unsigned URL if it is signed."""
    try:
        made = hand_off(vector, sites)
    except InputRefused as refused:
        return {"refused": refused.where.partition("[")[0]}
    assert len(dict(made.headers)) == len(made.headers)
    found: dict[str, Any] = {"hand_off": {"status": made.status, "headers": dict(made.headers)}}
    origin = read_mapping.read(sites[vector["site"]]).origins[vector["origin"]]
    if isinstance(origin, S3Origin):
        found["unsigned_url"] = unsigned(made.target)
    return found


def hand_off(vector: dict[str, Any], sites: dict[str, Any]) -> HandOff:
    """Make the hand-off with the vector's clock and id. Raises what `Sender.hand_off` raises."""
    options = dict(vector["options"])
    if "last_modified" in options:
        options["last_modified"] = datetime.fromisoformat(options["last_modified"])
    now = datetime.fromisoformat(vector["now"]).astimezone(UTC)
    sender = Sender(read_mapping.read(sites[vector["site"]]))
    url = vector.get("url")
    with (
        patch("xaccel.sender.datetime", _Clock(now)),
        patch("xaccel.sender.new_transfer_id", lambda _: vector["id"]),
        patch("xaccel.sender.longest_s", lambda _: 0),
    ):
        return sender.hand_off(
            ObjectRef(
                vector["origin"],
                vector.get("key", ""),
                bucket=vector.get("bucket"),
                url=url.__getitem__ if isinstance(url, dict) else url,
            ),
            method=vector["method"],
            options=Options(**options),
        )


class _Clock:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self, _: object) -> datetime:
        return self._now


def unsigned(url: str) -> str:
    """Return `url` without what the signer adds."""
    return url.partition("X-Amz-Algorithm=")[0].rstrip("?&")
