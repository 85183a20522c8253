"""With a file, its object is deleted: in the admin, by a cascade or a query, and later if the storage is down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from portal.files import bucket, removals
from portal.files.models import File, Removal
from portal.files.seeding import add_file
from tests.servers.origin import Answer, origin_server
from xaccel_testing import free_port

commits = pytest.mark.django_db(transaction=True)
BUCKET, KEY = "deleted-files", "uploads/1"


@pytest.fixture
def root(request):
    request.getfixturevalue("transactional_db" if request.node.get_closest_marker("django_db") else "db")
    return User.objects.create_superuser("root")


@pytest.fixture
def use(settings):
    """Puts another storage below the origin of the files."""

    def change(**origin):
        origins = settings.XACCEL["ORIGINS"]
        documents = {**origins["documents"], "addressing_style": "path", **origin}
        settings.XACCEL = {**settings.XACCEL, "ORIGINS": {**origins, "documents": documents}}

    return change


@pytest.fixture
def storage(s3, use):
    """A bucket of a real S3 server, and what is in it."""
    if BUCKET not in {each["Name"] for each in s3.client().list_buckets()["Buckets"]}:
        s3.create_bucket(BUCKET)
    use(**s3.origin(BUCKET))

    def keys():
        return {each["Key"] for each in s3.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    for key in keys():
        s3.client().delete_object(Bucket=BUCKET, Key=key)
    return keys


def store(user=None, key=KEY, content=b"bytes"):
    """Store an object, and make its file."""
    file = File(origin="documents", key=key, name="Minutes.txt", size=len(content), created_by=user)
    bucket.put(file, content)
    file.save()
    return file


def by_admin(file, browser):
    browser.post(reverse("admin:files_file_delete", args=[file.pk]), {"post": "yes"})


def by_action(file, browser):
    entered = {"action": "delete_selected", "_selected_action": [str(file.pk)], "post": "yes"}
    browser.post(reverse("admin:files_file_changelist"), entered)


WAYS = {
    "admin": by_admin,
    "action": by_action,
    "instance": lambda file, _: file.delete(),
    "query": lambda file, _: File.objects.filter(pk=file.pk).delete(),
}


@commits
def test_the_object_goes_with_its_file(storage, root, signed_in):
    files, browser = {way: store(root, f"uploads/{way}") for way in WAYS}, signed_in(root)
    for way, file in files.items():
        before = storage()
        WAYS[way](file, browser)
        assert not File.objects.filter(pk=file.pk).exists()
        assert before - storage() == {file.key}, way
    assert not Removal.objects.exists()


@commits
def test_a_storage_that_is_down_is_reported_and_asked_again(storage, use, root, signed_in, capsys):
    files, browser = {way: store(root, f"uploads/{way}") for way in ("admin", "action")}, signed_in(root)
    documents = settings.XACCEL["ORIGINS"]["documents"]
    use(endpoint_url=f"http://127.0.0.1:{free_port()}")
    for way, file in files.items():
        WAYS[way](file, browser)
        page = browser.get(reverse("admin:files_removal_changelist")).content.decode()
        assert "The object of Minutes.txt is still in its storage: the storage did not delete it" in page, way
        assert file.key in page
    assert not File.objects.exists()
    assert not Removal.objects.filter(tried_at=None).exists()
    assert removals.used_bytes(root) == 10, "the room comes back when the bytes have gone"
    with pytest.raises(CommandError, match="objects that are still in the storage: 2"):
        call_command("remove_objects")
    use(**documents)
    assert storage() == {file.key for file in files.values()}
    call_command("remove_objects")
    assert capsys.readouterr().out == "objects deleted: 0\nobjects deleted: 2\n"
    assert storage() == set()
    assert (removals.used_bytes(root), Removal.objects.count()) == (0, 0)


@commits
def test_a_storage_that_is_down_is_asked_once_for_many_files(storage, use, root):
    for number in range(3):
        store(root, f"uploads/{number}")
    asked = []
    with origin_server(lambda request: asked.append(request) or Answer(503)) as broken:
        use(endpoint_url=broken.url)
        File.objects.all().delete()
    assert (len(asked), Removal.objects.exclude(tried_at=None).count()) == (1, 3)
    assert removals.used_bytes(root) == 15


def test_a_deletion_that_is_rolled_back_deletes_nothing(storage, root):
    file = store(root)
    with transaction.atomic():
        file.delete()
        transaction.set_rollback(True)
    assert (File.objects.count(), Removal.objects.count(), storage()) == (1, 0, {KEY})


@commits
def test_a_file_that_is_added_again_keeps_its_object(storage, use, s3, root, monkeypatch):
    store(root, "README.md")
    use(endpoint_url=f"http://127.0.0.1:{free_port()}")
    File.objects.all().delete()
    use(**s3.origin(BUCKET))
    monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": BytesIO(b"new")}))
    call_command("upload_file", "-", name="README.md")
    call_command("remove_objects")
    assert s3.client().get_object(Bucket=BUCKET, Key="README.md")["Body"].read() == b"new"
    assert (File.objects.get().size, Removal.objects.count()) == (3, 0)


@commits
def test_a_file_that_cannot_be_added_again_leaves_its_removal(storage, use, root, monkeypatch):
    store(root, "README.md")
    use(endpoint_url=f"http://127.0.0.1:{free_port()}")
    File.objects.all().delete()
    monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": BytesIO(b"new")}))
    with pytest.raises(CommandError, match="did not take README"):
        call_command("upload_file", "-", name="README.md")
    assert Removal.objects.get().created_by == root


def test_a_file_made_without_a_claim_keeps_its_object(storage, root):
    store(root)
    Removal.objects.create(origin="documents", key=KEY)
    call_command("remove_objects")
    assert (storage(), Removal.objects.count()) == ({KEY}, 0)


def test_objects_of_other_storages_stay_and_the_page_says_so(settings, root, signed_in, tmp_path):
    origins = {**settings.XACCEL["ORIGINS"], "disk": {"type": "local", "root": str(tmp_path)}}
    settings.XACCEL = {**settings.XACCEL, "ORIGINS": origins}
    file, browser = File.objects.create(origin="disk", key="a", name="Minutes.txt", size=1), signed_in(root)
    by_admin(file, browser)
    page = browser.get(reverse("admin:files_file_changelist")).content.decode()
    assert "still in its storage: the portal deletes no objects of the origin disk" in page
    assert not Removal.objects.exists()


@commits
def test_a_file_is_stored_after_the_deletion_of_its_key_or_keeps_it(use, root):
    """The storage waits with its response to the deletion. SQLite in memory has one connection, so one waits."""
    asked, goes_on, order = threading.Event(), threading.Event(), []

    def answer(request):
        if request.method == "DELETE":
            asked.set()
            goes_on.wait(60)
        order.append(request.method)
        return Answer(204 if request.method == "DELETE" else 200)

    def delete():
        try:
            removals.remove(Removal.objects.get().pk, "default")
        finally:
            connection.close()

    def add():
        try:
            with transaction.atomic():
                removals.claim("documents", KEY)
                order.append("claim")
                add_file(key=KEY, name="Minutes.txt", size=1)
        finally:
            connection.close()

    Removal.objects.create(origin="documents", key=KEY)
    with origin_server(answer) as slow, ThreadPoolExecutor(2) as threads:
        use(endpoint_url=slow.url)
        if connection.vendor == "sqlite":
            goes_on.set()
            delete()
            add()
        else:
            deleting = threads.submit(delete)
            assert asked.wait(60)
            adding = threads.submit(add)
            assert wait_for_a_lock()
            goes_on.set()
            deleting.result(60)
            adding.result(60)
    assert order == ["DELETE", "claim"]
    assert (File.objects.count(), Removal.objects.count()) == (1, 0)


def wait_for_a_lock():
    """Wait until PostgreSQL has a transaction that waits for another one."""
    from xaccel_testing.servers.processes import wait_until

    def is_waiting():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return cursor.fetchone()[0] > 0

    return wait_until(is_waiting, timeout_s=60)
