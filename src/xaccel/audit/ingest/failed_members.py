"""Ingest NGINX's log of archive members that failed, beside the log of transfers."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from uuid import UUID

import msgspec

from xaccel.audit.ingest.ingest import Ingest
from xaccel.audit.log.entry import Found, NotAnEntry, number_of
from xaccel.audit.models import FailedMember, Transfer
from xaccel.audit.removals import removed_until
from xaccel.audit.values import datetime_of, indexable

_LAST = "-ffffffffffff"
_FIRST = "-000000000000"


class _Line(msgspec.Struct, gc=False):
    id: str
    member: str
    end: float
    origin: str = ""
    range: str = ""
    origin_status: str = ""
    origin_bytes: str = ""
    why: str = ""


class IngestFailedMembers(Ingest):
    """The ingestion of the log of members, which names a transfer by the part of its id that is not secret."""

    def _store(self, found: list[Found]) -> Counter[str]:
        rows = []
        pruned = removed_until("prune", using=self.using)
        for each in found:
            try:
                row = self._row(each.text)
            except (msgspec.MsgspecError, ValueError) as error:
                each.reason = str(error)[:80]
                continue
            each.reason = ""
            if row.at >= pruned:
                rows.append(row)
        FailedMember.objects.using(self.using).bulk_create(rows, ignore_conflicts=True, batch_size=500)
        return Counter(lines=sum(not each.reason for each in found))

    def _set_aside(self, found: list[Found]) -> int:
        return super()._set_aside([each for each in found if each.reason])

    def _row(self, text: bytes) -> FailedMember:
        line = msgspec.json.decode(text.replace(b"\\u0000", b"\\ufffd"), type=_Line)
        first, last = UUID(line.id + _FIRST), UUID(line.id + _LAST)
        among = Transfer.objects.using(self.using).filter(id__gte=first, id__lte=last)
        number, status, sent = map(number_of, (line.member, line.origin_status, line.origin_bytes))
        if (status or 0) > 999:
            raise NotAnEntry("a number out of range")
        return FailedMember(
            UUID(bytes=blake2b(text, digest_size=16).digest()),
            among.values_list("id", flat=True).first() or first,
            -1 if number is None else number,
            indexable(line.origin),
            indexable(line.range),
            status,
            sent,
            indexable(line.why),
            datetime_of(line.end),
        )
