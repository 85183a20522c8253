"""Edits of a sealed trail by somebody who may write to the database, and what of them the documentation permits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Q
from hypothesis import strategies as st

from tests.audit.chain import tidy
from xaccel.audit.chain import seals
from xaccel.audit.chain.seals import LEAF, moment, proof_of
from xaccel.audit.models import Download, Seal, Transfer

Row = dict[str, Any]
State = tuple[dict[UUID, Row], dict[UUID, Row]]
"""Transfers and downloads by id."""

PSEUDONYM = "forgotten-0123456789abcdef"
TIMES = [datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 1, 12, 0, 1, tzinfo=UTC), datetime.now(UTC)]
TIMES.append(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
VALUES: dict[str, list[Any]] = {
    "outcome": ["sent", "denied", "unknown", "granted", "refused", "incomplete"],
    "decided_at started_at ended_at": [None, *TIMES],
    "origin key version query method filename reason": ["", "x"],
    "subject": ["", "0", "1", "framed", PSEUDONYM],
    "client": ["", "x"],
    "as_attachment": [False],
    "ip": [None, "198.51.100.1"],
    "why": ["", "forged", "no_id", "x"],
    "status first sent total body_bytes": [None, 0, 1, 50, 200],
    "details": [{}, {"version_before": ""}, {"version_before": '"v1"'}, {"version_before": None}, 1],
    "batch": [None, -1, 0, 1, 2, 3, 9],
    "person_proof address_proof": ["", "0" * 32, "0" * 64],
}
OF_DOWNLOADS: dict[str, list[Any]] = {
    "subject": ["", "0", "1", "framed", PSEUDONYM],
    "origin key version query client": ["", "x"],
    "opened_at last_at": TIMES,
    "completed_at": [None, *TIMES],
    "transfers sent_bytes given_bytes pruned": [0, 1, 2, 3, 100, -1],
    "total": [None, 0, 100, 200],
    "spans": [[], [[0, 100]], [[0, 200]], [[0]], "x", 1, [["a", 1]]],
    "sent_complete": [False, True],
}
NO_ENTRY = {
    **dict.fromkeys("status first sent total body_bytes started_at ended_at ip download_id".split()),
    **dict.fromkeys(["why", "version", "address_proof"], ""),
    "outcome": "unknown",
    "details": {},
}
ENTRY = {"outcome": "sent", "status": 200, "first": 0, "sent": 100, "total": 100, "body_bytes": 100}


def state() -> State:
    transfers, downloads = Transfer.objects.values(), Download.objects.values()
    return {row["id"]: row for row in transfers}, {row["id"]: row for row in downloads}


def at(row: Row) -> datetime:
    return row["decided_at"] or row["ended_at"] or TIMES[0]


def transfers(which: Iterable[int]) -> Any:
    """Return the transfers at these places, in the order of their times."""
    ids = [row["id"] for row in sorted(Transfer.objects.values(), key=lambda row: (at(row), row["id"]))]
    return Transfer.objects.filter(id__in=[ids[place % len(ids)] for place in which if ids])


def delete(which: list[int]) -> None:
    transfers(which).delete()


def change(which: list[int], value: tuple[str, Any]) -> None:
    transfers(which).update(**dict([value]))


def insert(which: list[int], value: tuple[str, Any]) -> None:
    for row in transfers(which):
        row.pk = uuid4()
        setattr(row, *value)
        row.save(force_insert=True)


def seal_again(which: list[int]) -> None:
    transfers(which).update(batch=0)
    tidy()


def complete(which: list[int], fields: Row) -> None:
    """Invent log entries that came late."""
    for row in transfers(which):
        details = {"version_before": row.version}
        moments = {"started_at": at(vars(row)), "ended_at": at(vars(row))}
        transfers(which).filter(pk=row.pk).update(**{**ENTRY, **moments, "details": details, **fields})


def hide(which: list[int], person: bool, address: bool = True) -> None:
    for row in transfers(which):
        fields: Row = {}
        if address:
            fields = {"ip": None, "address_proof": row.address_proof and proof_of(vars(row), "address_proof")}
        if person:
            fields |= {"person_proof": proof_of(vars(row), "person_proof"), "subject": PSEUDONYM}
            fields |= {"client": "", "filename": ""}
        transfers(which).filter(pk=row.pk).update(**fields)


def older(until: datetime) -> int:
    """Count the leaves that a note of `prune` must account for."""
    deleted = 0
    for seal in Seal.objects.filter(kind="transfers"):
        blob = bytes(seal.leaves)
        leaves = [blob[place : place + LEAF] for place in range(0, len(blob), LEAF)]
        deleted += seal.count - sum(leaf >= moment(until) for leaf in leaves)
    return deleted - sum(Seal.objects.filter(kind="prune").values_list("count", flat=True))


def seal(which: list[int], kind: str, after: int, until: datetime | None, count: int | None) -> None:
    """Append a seal of these rows, at a time so many microseconds after the newest of them."""
    rows = list(transfers(which).values())
    until = until or max(map(at, rows), default=TIMES[0]) + timedelta(microseconds=after)
    has_leaves = kind not in ("prune", "addresses")
    leaves = [seals.leaf_of(row, late=kind == "late") for row in rows if has_leaves]
    number, chain = Seal.objects.order_by("-number").values_list("number", "chain").first() or (
        0,
        seals.FIRST,
    )
    blob = b"".join(sorted(leaves))
    new = Seal(number=number + 1, kind=kind, leaves=blob, digest=sha256(blob).hexdigest())
    new.until = until if not has_leaves or not rows else max(map(at, rows))
    new.count = (len(leaves) if has_leaves else older(until)) if count is None else count
    new.chain = seals.chain_of(chain, new)
    new.save(force_insert=True)
    if kind == "transfers":
        transfers(which).update(batch=new.number)


def change_seal(number: int, value: tuple[str, Any]) -> None:
    Seal.objects.filter(number=number).update(**dict([value]))


def cut(number: int) -> None:
    Seal.objects.filter(number__gte=number).delete()


def chain_again() -> None:
    """Compute the digests of all seals again."""
    chain = seals.FIRST
    for each in Seal.objects.order_by("number"):
        each.chain = chain = seals.chain_of(chain, each)
        each.save()


def change_download(which: list[int], value: tuple[str, Any]) -> None:
    found = list(Download.objects.order_by("opened_at", "id"))
    places = {place % len(found) for place in which if found}
    some = Download.objects.filter(pk__in=[found[place].pk for place in places])
    some.update(**dict([value]))


def move(which: list[int], place: int) -> None:
    """Put transfers into another download."""
    found = list(Download.objects.order_by("opened_at", "id"))
    transfers(which).update(download_id=found[place % len(found)].pk if found else None)


def agree() -> None:
    """Make all downloads of their transfers."""
    gave = Q(outcome__in=["sent", "incomplete", "inexact"], decided_at__isnull=False)
    Transfer.objects.exclude(gave).update(download_id=None)
    for row in Transfer.objects.filter(gave, download_id=None):
        new = Download(id=uuid4(), group=uuid4(), transfers=1, **sums([vars(row)]))
        new.save(force_insert=True)
        Transfer.objects.filter(pk=row.pk).update(download_id=new.pk)
    for download in Download.objects.all():
        rows = list(Transfer.objects.filter(download_id=download.pk).values())
        if not rows:
            download.delete()
            continue
        Download.objects.filter(pk=download.pk).update(**sums(rows), transfers=len(rows), pruned=0)


def sums(rows: list[Row]) -> Row:
    """Compute a download of its transfers, by sets of bytes."""
    total = next((row["total"] for row in rows if row["total"] is not None), None)
    known = [row for row in rows if row["first"] is not None]
    sent = {byte for row in known for byte in range(row["first"], row["first"] + (row["sent"] or 0))}
    firsts = sorted(byte for byte in sent if byte - 1 not in sent)
    ends = sorted(byte + 1 for byte in sent if byte + 1 not in sent)
    complete = total is not None and sent >= set(range(total)) and (not sent or min(sent) == 0)
    moments = [row["ended_at"] or TIMES[0] for row in rows]
    same = {name: rows[0][name] for name in ("subject", "origin", "key", "version", "query", "client")}
    return {
        **same,
        "total": total,
        "spans": [list(span) for span in zip(firsts, ends, strict=True)],
        "sent_bytes": len(sent),
        "sent_complete": complete,
        "given_bytes": sum(row["sent"] or 0 for row in rows),
        "opened_at": min(row["started_at"] or max(moments) for row in rows),
        "last_at": max(moments),
        "completed_at": max(moments) if complete else None,
    }


_which = st.lists(st.integers(0, 15), min_size=1, max_size=6)


def values_of(columns: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    """Return each value of each column."""
    return [(name, value) for names in columns for name in names.split() for value in columns[names]]


def _one_of(columns: dict[str, list[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.sampled_from(values_of(columns))


_of_seals = st.sampled_from(
    [("count", 0), ("count", 9), ("leaves", b""), ("kind", "prune"), ("kind", "x"), ("until", TIMES[2])]
)
_older = st.integers(1, 9).map(lambda count: list(range(count)))
_fields = st.sampled_from([{}, {"why": "forged"}, {"outcome": "denied"}, {"outcome": "refused", "sent": 0}])
_kinds = st.sampled_from(["prune", "prune", "addresses", "forget", "late", "transfers", "x"])
Edit = tuple[Any, ...]
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.tuples(st.just(delete), _which | _older),
    st.tuples(st.just(change), _which, _one_of(VALUES)),
    st.tuples(st.just(insert), _which, _one_of(VALUES)),
    st.tuples(st.just(seal_again), _which | _older),
    st.tuples(st.just(complete), _which, _fields),
    st.tuples(st.just(hide), _which | _older, st.booleans(), st.booleans()),
    st.tuples(
        st.just(seal),
        _which | _older,
        _kinds,
        st.integers(-1, 1),
        st.none() | st.sampled_from(TIMES),
        st.none() | st.integers(0, 9),
    ),
    st.tuples(st.just(change_seal), st.integers(1, 4), _of_seals),
    st.tuples(st.just(cut), st.integers(1, 6)),
    st.tuples(st.just(chain_again)),
    st.tuples(st.just(change_download), _which, _one_of(OF_DOWNLOADS)),
    st.tuples(st.just(move), _which, st.integers(0, 9)),
)


def apply(edits: Iterable[Edit]) -> None:
    do: Callable[..., None]
    for do, *arguments in edits:
        do(*arguments)


_PERSON = {"subject", "client", "filename", "person_proof", "ip", "address_proof"}
_ENTRY = {*ENTRY, "version", "why", "started_at", "ended_at", "details", "ip", "address_proof", "download_id"}


def unexcused(before: State, after: State) -> list[str]:
    """Name the edits of sealed rows and downloads that docs/operate/seals.md does not name."""
    sealed = {id_: row for id_, row in before[0].items() if row["batch"]}
    gone = [row for id_, row in sealed.items() if id_ not in after[0]]
    stay = [row for id_, row in sealed.items() if id_ in after[0]]
    said = []
    if gone and stay and min(map(at, stay)) <= max(map(at, gone)):
        said.append("a row is gone, and older ones are there")
    dropped: list[datetime] = []
    for row in stay:
        now = after[0][row["id"]]
        changed = {name for name, value in row.items() if now[name] != value} - {"download_id"}
        nobody = now["subject"].startswith("forgotten-") and not (
            now["client"] or now["filename"] or now["ip"]
        )
        if changed & {"subject", "client", "filename", "person_proof"} and nobody:
            changed -= _PERSON
        if changed and changed <= {"ip", "address_proof"} and now["ip"] is None:
            dropped.append(row["ended_at"] or at(row))
            changed = set()
        is_awaited = row["outcome"] == "unknown" and not row["details"]
        if is_awaited and isinstance(now["details"], dict) and "version_before" in now["details"]:
            changed -= _ENTRY
        if changed:
            said.append(f"{row['id']}: {changed}")
    for row in stay:
        if dropped and after[0][row["id"]]["ip"] and (row["ended_at"] or at(row)) < max(dropped):
            said.append("an address is gone, and older ones are there")
    pruned = bool(gone) or any(row["pruned"] for row in before[1].values())
    return [*said, *_wrong_downloads(after, pruned=pruned)]


def _wrong_downloads(after: State, *, pruned: bool) -> Iterable[str]:
    for row in after[0].values():
        gave = row["outcome"] in ("sent", "incomplete", "inexact") and row["decided_at"] is not None
        if gave != (row["download_id"] in after[1]):
            yield "a transfer and its download"
    for download in after[1].values():
        rows = [row for row in after[0].values() if row["download_id"] == download["id"]]
        if not rows or len(rows) + download["pruned"] != download["transfers"]:
            yield "another number of transfers"
            continue
        said = sums(rows)
        if any(
            {row[name] for row in rows} != {said[name]} for name in ("subject", "key", "version", "client")
        ):
            yield "transfers of several"
        if said["sent_complete"] and download["completed_at"] in [row["ended_at"] for row in rows]:
            said["completed_at"] = download["completed_at"]
        unsealed = any(row["batch"] is None for row in rows)
        if download["pruned"] and (pruned or unsealed) and download["given_bytes"] >= said["given_bytes"]:
            said = {name: said[name] for name in ("subject", "origin", "key", "version", "query", "client")}
        yield from (f"{name} of a download" for name, value in said.items() if download[name] != value)
