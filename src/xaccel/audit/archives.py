"""The members of archives in the trail: which of them a download has, by the layout of the archive and its ranges.

A layout is stored once, by its entity tag, in pages of some 200 members. A digest of the name of an object says which
page has it, so that `deliveries_of` reads one small page of each layout.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Exists, OuterRef

from xaccel.audit.models import ArchivePage, Download, FailedMember, Transfer
from xaccel.audit.values import Span, add_span, indexable
from xaccel.django.conf import configuration, recorded_bucket
from xaccel.events import object_name
from xaccel.features.archives.layout import Layout, moment_of
from xaccel.features.archives.members import ZipMember
from xaccel.handoff.objects import ObjectRef
from xaccel.site.origins import S3Origin, covers_many
from xaccel.site.protocol import ARCHIVES
from xaccel.site.url_query import recorded_query

_MEMBERS = 200
"""Members of a page, at most about twice as many."""
_LEVELS = 20


class _Member(msgspec.Struct, array_like=True):
    number: int
    origin: str
    key: str
    query: str
    name: str
    size: int
    crc32: int
    etag: str


class _Stored(_Member, gc=False):
    """A member in a page, with what its layout has of it. `name_of` returns the key of `Transfer`.

    has_bucket: the key has the bucket before it, if there is one. Pages of earlier versions always have it so.
    """

    dos: int
    begins: int
    data: int
    bucket: str | None
    by_url: bool
    has_bucket: bool = True

    def name_of(self) -> str:
        """Return the key as `Transfer` has it: with the bucket only if the origin covers many, and not too long."""
        origin = configuration().site.origins.get(self.origin)
        return indexable(self.key if origin is None or covers_many(origin) else self.object_key)

    @property
    def object_key(self) -> str:
        """The key in its bucket."""
        return self.key.removeprefix(f"{self.bucket}/") if self.bucket and self.has_bucket else self.key


class MemberDelivery(_Member):
    """A member of an archive, and what one download has of it.

    number: in the archive, from 0. name: in the archive; "" if its user was forgotten. key, query: as in `Transfer`.
    sent: bytes of its content. whole: all of them were sent, with its header, and NGINX logged no failure.
    """

    download: Download
    sent: int
    whole: bool


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[_Stored]).decode


def save_archive(row: Transfer, layout: Layout, *, using: str) -> None:
    """Store the decision about an archive, whose key is the entity tag, and the layout, unless it is stored."""
    row.key = tag_of(layout)
    pages = ArchivePage.objects.using(using)
    with transaction.atomic(using=using):
        row.save(force_insert=True, using=using)
        if not pages.filter(archive=row.key).exists():
            pages.bulk_create(_pages(layout), batch_size=50, ignore_conflicts=True)


def tag_of(layout: Layout) -> str:
    """Return the key of an archive in the trail."""
    return layout.etag.strip('"')


def _pages(layout: Layout) -> Iterator[ArchivePage]:
    count = 1 << ((len(layout) - 1) // _MEMBERS).bit_length()
    found: dict[int, list[_Stored]] = {}
    for number, one in enumerate(layout):
        key, query, bucket, by_url, has_bucket = _names(one.ref)
        name, origin = one.name.decode(), one.ref.origin
        member = _Stored(number, origin, key, query, name, *one[2:], bucket, by_url, has_bucket)
        found.setdefault(count + _digest(member.origin, indexable(key)) % count, []).append(member)
    for slot, page in found.items():
        yield ArchivePage(archive=tag_of(layout), slot=slot, content=_pack(page))


def _names(ref: ObjectRef) -> tuple[str, str, str | None, bool, bool]:
    """Return the key, what may be recorded of the query, the bucket, whether a stored URL names the object, and
    whether the key has the bucket before it.
    """
    if not isinstance(ref.url, str):
        bucket = recorded_bucket(ref.origin, ref.bucket or "")
        return object_name(bucket, ref.key), "", ref.bucket, False, bucket != ""
    conf = configuration()
    located, site = conf.sender.places.locate(ref), conf.site
    query = recorded_query(site.origin(ref.origin), ref.url, site.recorded_parameters, site.secrets[0])
    bucket = located.place.bucket
    return object_name(bucket, located.key), query, bucket or None, True, bucket != ""


def _digest(origin: str, key: str) -> int:
    text = f"{origin}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def _pack(page: Sequence[_Stored]) -> bytes:
    return zlib.compress(_encode(page), 1)


def _unpack(content: Any) -> list[_Stored]:
    return _decode(zlib.decompress(content))


def deliveries_of(origin: str, key: str, *, using: str = "default") -> Iterator[MemberDelivery]:
    """Yield the deliveries of one object in archives, by the names that `Transfer.origin` and `Transfer.key` have.

        for delivery in deliveries_of("documents", "2026/report.pdf"):
            print(delivery.download.subject, delivery.download.opened_at, delivery.whole)

    `Download.objects.filter(origin=…, key=…)` has the other downloads of the object.
    """
    name = indexable(key)
    digests = {_digest(origin, each) for each in (name, *_early_names(origin, key))}
    slots = {(1 << level) + digest % (1 << level) for level in range(_LEVELS) for digest in digests}
    found: dict[str, list[_Stored]] = {}
    pages = ArchivePage.objects.using(using).filter(slot__in=slots)
    for archive, content in pages.values_list("archive", "content").iterator():
        same = [one for one in _unpack(content) if one.origin == origin and one.name_of() == name]
        if same:
            found[archive] = same
    archives = list(found)
    for at in range(0, len(archives), 500):
        downloads = Download.objects.using(using).filter(origin=ARCHIVES, key__in=archives[at : at + 500])
        for download in downloads.order_by("opened_at"):
            yield from _delivered(download, found[download.key], using)


def _early_names(origin: str, key: str) -> list[str]:
    """Return the names by which pages of earlier versions have an object: always with the bucket, and never cut."""
    place = configuration().site.origins.get(origin)
    if isinstance(place, S3Origin) and not covers_many(place):
        return [key, f"{place.bucket}/{key}"]
    return [key]


def members_of(download: Download, *, using: str = "default") -> list[MemberDelivery]:
    """Return all members of the archive of a download, in their order: the receipt for its user."""
    return list(_delivered(download, _members(download.key, using), using))


def object_of(archive: str, number: int, *, using: str = "default") -> tuple[str, str] | None:
    """Return origin and key of a member; None if it is unknown."""
    members = _members(archive, using)
    return next(((one.origin, one.name_of()) for one in members if one.number == number), None)


def _members(archive: str, using: str) -> list[_Stored]:
    pages = ArchivePage.objects.using(using).filter(archive=archive).values_list("content", flat=True)
    members = [one for content in pages for one in _unpack(content)]
    return sorted(members, key=lambda one: one.number)


def _delivered(download: Download, members: Iterable[_Stored], using: str) -> Iterator[MemberDelivery]:
    transfers = Transfer.objects.using(using).filter(download=download.pk)
    failures = FailedMember.objects.using(using).filter(transfer__in=transfers.values("pk"))
    failed: dict[int, set[UUID]] = {}
    for number, transfer in failures.values_list("number", "transfer"):
        failed.setdefault(number, set()).add(transfer)
    for one in members:
        spans: Iterable[Span] = download.spans
        if one.number in failed:  # bytes of a transfer in which the member failed may be of another object
            spans = _spans(transfers.exclude(pk__in=failed[one.number]))
        end = one.data + one.size
        sent = sum(max(0, min(end, last) - max(one.data, first)) for first, last in spans)
        whole = any(first <= one.begins and end <= last for first, last in spans)
        same = {name: getattr(one, name) for name in _Member.__struct_fields__} | {"key": one.name_of()}
        yield MemberDelivery(**same, download=download, sent=sent, whole=whole)


def _spans(transfers: Any) -> tuple[Span, ...]:
    spans: tuple[Span, ...] = ()
    for first, sent in transfers.exclude(first=None).values_list("first", "sent"):
        spans = add_span(spans, first, first + sent)
    return spans


def delete_layouts(*, using: str) -> None:
    """Delete layouts that no transfer has any more."""
    rows = Transfer.objects.using(using).filter(origin=ARCHIVES, key=OuterRef("archive"))
    ArchivePage.objects.using(using).filter(~Exists(rows)).delete()


def forget_names(subject: str, *, using: str) -> None:
    """Remove the names of members from the layouts of which one subject alone has transfers: users chose them."""
    pages, rows = ArchivePage.objects.using(using), Transfer.objects.using(using).filter(origin=ARCHIVES)
    own, others = rows.filter(subject=subject), rows.exclude(subject=subject)
    for page in pages.filter(archive__in=own.values("key")).exclude(archive__in=others.values("key")):
        members = _unpack(page.content)
        for one in members:
            one.name = ""
        page.content = _pack(members)
        page.save(using=using)


def altered_layouts(*, using: str) -> Iterator[str]:
    """Yield what is wrong with stored layouts, for `verify`: the sealed rows have their entity tags.

    Layouts with stored URLs, whose queries are not recorded, and without names cannot be compared.
    """
    for archive in ArchivePage.objects.using(using).values_list("archive", flat=True).distinct():
        members = _members(archive, using)
        if any(one.by_url or not one.name for one in members):
            continue
        again = Layout.of(map(_member, members)) if members else None
        if again is None or tag_of(again) != archive:
            yield f"the layout of archive {archive} was changed"


def _member(one: _Stored) -> ZipMember:
    ref = ObjectRef(one.origin, one.object_key, bucket=one.bucket)
    modified = moment_of(one.dos)
    return ZipMember(ref, name=one.name, size=one.size, crc32=one.crc32, etag=one.etag, modified=modified)
