"""Rules that the database and the models hold."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.files.models import File, Grant, ReferenceIsFixed
from portal.files.seeding import add_file


@pytest.mark.parametrize("field", ["key", "origin"])
def test_reference_of_a_stored_file_is_fixed(field, file):
    for stored in (file, File.objects.get(pk=file.pk)):
        setattr(stored, field, "another")
        with pytest.raises(ReferenceIsFixed):
            stored.save()
    with pytest.raises(ReferenceIsFixed):
        File.objects.filter(pk=file.pk).update(**{field: "another"})
    assert getattr(File.objects.get(pk=file.pk), field) != "another"


def test_reference_read_later_is_fixed_as_well(file):
    deferred = File.objects.only("name").get(pk=file.pk)
    deferred.key = "another"
    with pytest.raises(ReferenceIsFixed):
        deferred.save()


def test_grant_is_for_a_user_or_a_group_not_both_and_not_none(person, file):
    user, group = person("mei"), Group.objects.create(name="Finance")
    for fields in ({}, {"user": user, "group": group}):
        grant = Grant(file=file, **fields)
        with pytest.raises(ValidationError, match="a user or a group"):
            grant.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            grant.save()


def test_grant_cannot_be_given_twice(person, file):
    user, group = person("mei"), Group.objects.create(name="Finance")
    for fields in ({"user": user}, {"group": group}):
        Grant.objects.create(file=file, **fields)
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.create(file=file, **fields)


def test_object_has_one_file(file):
    with pytest.raises(IntegrityError), transaction.atomic():
        File.objects.create(name="Second", key=file.key, size=1, sha256="c" * 64)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        # each key and name that the library refuses: tests/unit/handoff
        ("name", "line\nbreak.txt"),
        ("name", "a/b.txt"),
        ("key", "nul\0key"),
        ("key", "../../../../../../../etc/hosts"),
        ("key", "é" * 513),
        ("content_type", "multipart/byteranges"),
        ("sha256", "A" * 64),
        ("sha256", "a" * 64 + "\n"),
        ("content_type", "text/plain\r\nX: y"),
        ("content_type", "no type"),
        ("origin", "unknown"),
        ("size", -1),
    ],
)
def test_bad_metadata_is_refused(field, value, file):
    setattr(file, field, value)
    with pytest.raises(ValidationError) as refused:
        file.full_clean()
    assert list(refused.value.message_dict) == [field]


def test_an_invalid_file_is_reported_with_reason_and_remedy(file):
    file.key, file.name = "../secret", "a\u2028b"
    with pytest.raises(ValidationError) as refused:
        file.full_clean()
    assert refused.value.message_dict == {
        "key": [
            "'../secret' has '.' or '..' as a segment. Store the object under a name without them: it could"
            " leave its origin."
        ],
        "name": ["'a\\u2028b' has a control character. Remove it, or leave filename out."],
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [("a b+%2F#?.txt", "50%20off.txt"), ("報告 書.txt", 'The "final" version.txt'), ("..a/.b", "...")],
)
def test_unusual_key_and_name_are_registered_and_sent(key, name, person, signed_in):
    user = person("mei")
    made = add_file(key=key, name=name, size=3, content_type="text/plain", sha256="a" * 64, users=["mei"])
    reply = signed_in(user).get(f"/files/{made.pk}/download")
    assert (reply.status_code, "X-Accel-Redirect" in reply.headers) == (200, True)


def test_deleting_a_user_keeps_the_files_they_added(person, file):
    file.created_by = person("root", superuser=True)
    file.save()
    User.objects.all().delete()
    file.refresh_from_db()
    assert file.created_by is None
