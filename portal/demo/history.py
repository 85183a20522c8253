"""Months of earlier downloads, so that the audit trail and the statistics of a new demo have something to show.

The decisions are rows of the audit trail. The transfers are entries in NGINX's log, which the demo's ingestion reads as
it reads all others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.timezone import localtime, now

from portal.files.models import File
from xaccel.audit import Outcome, Transfer
from xaccel.handoff.identifiers import new_transfer_id

DAYS = 150
_BUSIER_DAYS = 40
ADDRESSES = {"alice": "203.0.113.20", "bob": "203.0.113.41", "carol": "198.51.100.7"}
"""By user name; of the networks for documentation (RFC 5737)."""
_WEEKDAYS, _WEEKEND = (1, 2, 2, 3, 4), (0, 0, 1)
_BYTES_A_SECOND = 4_000_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request: what the app decided, and which bytes NGINX sent. parts: first byte and number; () for a refusal."""

    user: User
    file: File
    at: datetime
    parts: Sequence[tuple[int, int]]
    opened: bool = False


def make_history(log: Path) -> None:
    """Store the decisions and append the log entries, unless the trail has rows."""
    if Transfer.objects.exists():
        return
    decisions, entries = [], []
    for asked in sorted(_requests(random.Random(7)), key=lambda asked: asked.at):
        for decision, entry in _stored(asked):
            decisions.append(decision)
            entries += [entry] if entry else []
    Transfer.objects.bulk_create(decisions)
    log.parent.mkdir(exist_ok=True)
    with log.open("a", encoding="utf-8") as out:
        out.writelines(f"{json.dumps(entry)}\n" for entry in sorted(entries, key=itemgetter("end")))


def _requests(chance: random.Random) -> Iterator[_Asked]:
    users = {user.username: user for user in User.objects.filter(username__in=ADDRESSES)}
    visible = {user: [*File.objects.visible_to(user).filter(folder="")] for user in users.values()}
    oldest = File.objects.filter(folder="").order_by("created_at", "key")[0]
    today = localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS, 0, -1):
        day = today - timedelta(days=back)
        busier = 2 if back < _BUSIER_DAYS else 1
        for _ in range(busier * chance.choice(_WEEKEND if day.weekday() > 4 else _WEEKDAYS)):
            at = day + timedelta(hours=8, seconds=chance.randrange(10 * 3600))
            user = users[chance.choices(("alice", "bob", "carol"), (12, 7, 1))[0]]
            # the newest first: they are wanted most
            files = [file for file in visible[user] if file.granted_at < at]
            if files:
                file = chance.choices(files, [1 / (2 + place) for place in range(len(files))])[0]
                yield _asked(chance, user, file, at)
            elif user.username == "carol":
                yield _Asked(user, oldest, at, ())


def _asked(chance: random.Random, user: User, file: File, at: datetime) -> _Asked:
    if file.kind.icon == "video":
        # a player requests the end for the index, then the places to which the user jumps
        step = file.size // 8
        starts = sorted(chance.sample(range(7), 3))
        return _Asked(user, file, at, [(start * step, step) for start in starts], opened=True)
    if file.size > 10_000_000 and chance.random() < 0.4:
        cut = int(file.size * chance.uniform(0.1, 0.9))
        resumed = chance.random() < 0.5
        return _Asked(user, file, at, [(0, cut), (cut, file.size - cut)] if resumed else [(0, cut)])
    opened = file.kind.opens and chance.random() < 0.6
    return _Asked(user, file, at, [(0, file.size)], opened=opened)


def _stored(asked: _Asked) -> Iterable[tuple[Transfer, dict[str, Any] | None]]:
    """Return the row of each decision with its log entry, which a refusal does not have."""
    at, file = asked.at, asked.file
    if not asked.parts:
        yield _decision(asked, at, Outcome.DENIED), None
    for number, (first, sent) in enumerate(asked.parts):
        seconds = sent / _BYTES_A_SECOND + 0.02
        decision = _decision(asked, at, Outcome.GRANTED)
        at += timedelta(seconds=seconds)
        # a client that resumes or jumps requests everything from there to the end; this one took what it wanted
        announced = sent if asked.opened else file.size - first
        whole = (first, announced) == (0, file.size)
        end = first + announced - 1
        yield (
            decision,
            {
                "id": str(decision.pk),
                "origin": file.origin,
                "subject": decision.subject,
                "method": "GET",
                "protocol": "HTTP/1.1",
                "status": "200" if whole else "206",
                "body_bytes": sent,
                "sent_length": str(announced),
                "completion": "OK" if sent == announced else "",
                "range": "" if whole else f"bytes={first}-{end}",
                "content_range": "" if whole else f"bytes {first}-{end}/{file.size}",
                "etag": f'"{file.sha256}"',
                "framing": "length",
                "size": str(file.size),
                "origin_status": "200" if whole else "206",
                "origin_seconds": "0.010",
                "why": "",
                "end": round(at.timestamp(), 3),
                "seconds": round(seconds, 3),
                "ip": ADDRESSES[asked.user.username],
            },
        )
        at += timedelta(seconds=20 * (number + 1))


def _decision(asked: _Asked, at: datetime, outcome: Outcome) -> Transfer:
    denied = outcome == Outcome.DENIED
    return Transfer(
        id=UUID(new_transfer_id(at)),
        outcome=outcome,
        decided_at=at,
        origin=asked.file.origin,
        key=asked.file.key,
        version="" if denied else asked.file.sha256,
        subject=str(asked.user.pk),
        client=f"{asked.user.pk:016x}",
        method="GET",
        filename="" if denied else asked.file.name,
        as_attachment=not asked.opened and not denied,
        reason="no grant" if denied else "",
    )
