"""Uploads in Django: the row is made once, the quota is exact, and three witnesses settle an upload."""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.live.uploads.scene import Browser, Scene, crc32_of, state, trail
from xaccel_testing.servers.processes import wait_until

BODY = os.urandom(200_000)


def test_a_row_is_made_once_and_the_response_is_the_views(django_site: Scene) -> None:
    reply = Browser(django_site).put(BODY, **{"x-amz-checksum-crc32": crc32_of(BODY)})
    assert reply.status == 201
    made = json.loads(reply.body)
    assert [one for one in django_site.told() if one["id"] == made["id"]] == [
        {"id": made["id"], "key": made["key"], "size": len(BODY), "crc32": crc32_of(BODY)}
    ]
    assert (state(django_site, made["id"]), django_site.objects()[made["key"]]) == ("stored", len(BODY))
    django_site.entry(id=made["id"])
    assert ["PUT", "stored", "", ""] in trail(django_site, "alice")


def test_a_request_without_the_token_is_refused(django_site: Scene) -> None:
    assert django_site.put(BODY).status == 403


def test_a_refusal_is_a_row_of_the_trail(django_site: Scene) -> None:
    assert Browser(django_site).put(BODY, user="mallory").status == 403
    assert Browser(django_site).put(BODY, path="/files/a?quota=1", user="bob").status == 507
    assert ["PUT", "denied", "", ""] in trail(django_site, "mallory")
    assert trail(django_site, "bob") == [["PUT", "denied", "507: there is no room left for this file", ""]]


@pytest.mark.parametrize(("user", "path"), [("carol", "/files/a"), ("carla", "/files/atomic")])
def test_a_wrong_crc32_gives_the_room_back(django_site: Scene, user: str, path: str) -> None:
    """Also if the view runs in a transaction, which its exception rolls back."""
    reply = Browser(django_site).put(BODY, path, user, **{"x-amz-checksum-crc32": crc32_of(b"other")})
    assert (reply.status, json.loads(reply.body)["status"]) == (422, 422)
    id_ = django_site.entry(subject=user)["id"]
    assert state(django_site, id_) == "released"
    django_site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
    assert state(django_site, id_) == "gone"
    assert trail(django_site, user) == [["PUT", "refused", "", "origin_400"]]


def test_a_quota_is_exact_for_uploads_at_once(django_site: Scene) -> None:
    client, most = Browser(django_site), 5 * len(BODY)

    def put(number: int) -> int:
        return client.put(BODY, path=f"/files/{number}?quota={most}", user="dora").status

    with ThreadPoolExecutor(20) as threads:
        statuses = Counter(threads.map(put, range(40)))
    assert statuses[201] <= 5
    assert set(statuses) <= {201, 429, 507}
    while (status := put(0)) == 201:
        statuses[201] += 1
    assert (status, statuses[201]) == (507, 5)


def test_empty_files_count_in_the_quota_and_the_bytes_of_a_day(django_site: Scene) -> None:
    client = Browser(django_site)
    assert [client.put(b"", path=f"/files/a?quota={left}", user="fay").status for left in (0, 1)] == [
        507,
        201,
    ]
    code = """
from datetime import UTC, datetime
from xaccel.django.uploads.models import Upload
from xaccel.django.uploads.reserve import reserve
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.site.site import Uploads
from xaccel.features.uploads.decide import Upload as Decided

limits = Uploads(app="", paths=(), origins=(), bytes_a_day=3 * 4096)
refused = []
for number in range(4):
    decided = Decided(new_transfer_id(datetime.now(UTC)), "documents", "", f"empty/{number}", 0, "a/b", "", "gus")
    refused.append(reserve(decided, limits, account="gus", quota=None, on_stored="", context={}))
Upload.objects.filter(account="gus").delete()
print([one and one.status for one in refused])
"""
    assert django_site.in_project(code) == "[None, None, None, 429]\n"


def test_the_sweep_makes_the_row_if_the_app_could_not(django_site: Scene) -> None:
    fails = django_site.folder / "fails"
    fails.touch()
    try:
        assert Browser(django_site).put(BODY, user="emma").status == 503
        entry = django_site.entry(subject="emma")
        assert (entry["why"], state(django_site, entry["id"])) == ("finish_failed", "open")
    finally:
        fails.unlink()
    for _ in range(2):  # told again, it makes no second row
        django_site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
        assert state(django_site, entry["id"]) == "stored"
        assert sum(one["id"] == entry["id"] for one in django_site.told()) == 1


def test_an_object_that_comes_after_the_sweep_gave_it_up_is_deleted(django_site: Scene) -> None:
    """Its upload is gone, and the app is down when NGINX reports that it is stored."""
    browser, down = Browser(django_site), django_site.folder / "down"
    head = {**browser.headers, "X-User": "late", "Content-Length": str(len(BODY))}
    with closing(django_site.begin(head, BODY[:10], "/files/a")) as connection:
        assert wait_until(lambda: django_site.in_project(NEWEST.format("late")) != "None\n", timeout_s=60)
        django_site.in_project("call_command('xaccel', 'sweep', '--older', '0')\n" * 2)
        id_, key = django_site.in_project(NEWEST.format("late")).split()
        assert state(django_site, id_) == "gone"
        down.touch()
        try:
            connection.sendall(BODY[10:])
            assert django_site.entry(subject="late")["why"] == "finish_failed"
        finally:
            down.unlink()
    assert key in django_site.objects()
    assert trail(django_site, "late") == [["PUT", "stored", "", "finish_failed"]]
    assert state(django_site, id_) == "released"
    django_site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
    assert (state(django_site, id_), key in django_site.objects()) == ("gone", False)


NEWEST = """
from xaccel.django.uploads.models import Upload
print(*Upload.objects.filter(subject={!r}).values_list("pk", "key").first() or [None])
"""


def test_an_upload_that_the_app_never_takes_does_not_stop_the_sweep(django_site: Scene) -> None:
    """A user deletes the folder of a file that is under way: `on_stored` raises for it each time."""
    for name in ("deleted", "b"):
        django_site.s3.put(django_site.bucket, f"swept/{name}", b"x")
    code = """
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xaccel.django.uploads.models import Upload
from xaccel.django.uploads.sweep import sweep

values = {"origin": "documents", "size": 1, "subject": "swept", "on_stored": "tests.live.uploads.app:note"}
for days, name in ((3, "deleted"), (2, "b")):
    at, key = datetime.now(UTC) - timedelta(days=days), f"swept/{name}"
    Upload.objects.create(pk=uuid4(), made_at=at, key=key, context={"name": name}, **values)
said = {}
try:
    sweep(timedelta(days=1), lambda row, now: said.update({row.key: now}))
finally:
    Upload.objects.filter(subject="swept").delete()
print(json.dumps(said))
"""
    assert json.loads(django_site.in_project(code)) == {
        "swept/deleted": "LookupError: the folder was deleted meanwhile",
        "swept/b": "stored",
    }


def test_the_sweep_lists_what_no_row_names_and_deletes_nothing(django_site: Scene) -> None:
    client, bucket = django_site.s3.client(), django_site.bucket
    keys = ["lost/a", "lost/<b>&", "lost/deep/c", "xaccel-forms/lost"]
    for key in (*keys, "lost/named", "lost/tenant"):
        django_site.s3.put(bucket, key, b"x")
    begun = client.create_multipart_upload(Bucket=bucket, Key="lost/parts")["UploadId"]
    code = """
import sys
from contextlib import redirect_stderr
from datetime import UTC, datetime
from uuid import uuid4
from django.conf import settings
from django.core.management.base import CommandError
from django.test import override_settings
from xaccel.django.uploads.models import State, Upload

def listed(older, *folders):
    with redirect_stderr(sys.stdout):
        call_command("xaccel", "sweep", f"--older={older}", "--list", *folders)

xaccel, bucket = settings.XACCEL, settings.XACCEL["ORIGINS"]["documents"]["bucket"]
tenants = {**xaccel["ORIGINS"]["documents"], "bucket": "uploads-*"}
values = {"size": 1, "subject": "lost", "state": State.STORED, "made_at": datetime.now(UTC)}
Upload.objects.create(pk=uuid4(), origin="documents", bucket=bucket, key="lost/named", **values)
Upload.objects.create(pk=uuid4(), origin="tenants", bucket=bucket, key="lost/tenant", **values)
try:
    listed(3600, "lost")
    with override_settings(
        XACCEL={
            **xaccel,
            "ORIGINS": {**xaccel["ORIGINS"], "tenants": tenants},
            "UPLOADS": {**xaccel["UPLOADS"], "origins": ["documents", "tenants"]},
        }
    ):
        listed(-60, "lost/deep", "lost")
    listed(-60, "lost/")
except CommandError as error:
    print(error)
finally:
    Upload.objects.filter(subject="lost").delete()
"""
    found = [f"{bucket} {rest}" for rest in (*keys, f"lost/parts {begun}")]
    says = [f"{origin}: looked in {bucket}" for origin in ("documents", "documents", "tenants")]
    refused = "folder: 'lost/' is not a folder of keys. For example \"documents/2026\"."
    try:
        said = django_site.in_project(code).splitlines()
        assert sorted(line for line in said if "lost" in line or "looked" in line) == sorted(
            [*(f"{origin} {line}" for origin in ("documents", "tenants") for line in found), *says, refused]
        )
        assert {*keys, "lost/named", "lost/tenant"} <= {*django_site.objects()}
    finally:
        client.abort_multipart_upload(Bucket=bucket, Key="lost/parts", UploadId=begun)
        for key in (*keys, "lost/named", "lost/tenant"):
            client.delete_object(Bucket=bucket, Key=key)


def test_the_doctor_warns_of_uploads_that_no_sweep_has_settled(django_site: Scene) -> None:
    code = """
import io, json
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xaccel.django.uploads.models import Upload

def found():
    out = io.StringIO()
    try:
        call_command("xaccel", "doctor", "--no-nginx", "--only", "XA508", "--json", stdout=out)
    except SystemExit:
        [result] = json.loads(out.getvalue())["results"]
        return result["status"], result["evidence"]

now, values = datetime.now(UTC), {"origin": "documents", "key": "k", "size": 1, "subject": "s"}
before = found()
row = Upload.objects.create(pk=uuid4(), made_at=now - timedelta(hours=13), **values)
old = found()
row.delete()
print(json.dumps([before, old]))
"""
    says = "1 uploads of more than 12 hours ago are not settled"
    assert json.loads(django_site.in_project(code)) == [["ok", []], ["warn", [says]]]


def test_the_log_entry_makes_the_row_if_the_app_could_not(django_site: Scene) -> None:
    fails = django_site.folder / "fails"
    fails.touch()
    try:
        assert Browser(django_site).put(BODY, user="gina").status == 503
        entry = django_site.entry(subject="gina")
    finally:
        fails.unlink()
    assert trail(django_site, "gina") == [["PUT", "stored", "", "finish_failed"]]
    assert state(django_site, entry["id"]) == "stored"
    assert sum(one["id"] == entry["id"] for one in django_site.told()) == 1


def test_a_client_that_leaves_stores_nothing_and_the_log_entry_gives_the_room_back(
    django_site: Scene,
) -> None:
    headers = {**Browser(django_site).headers, "X-User": "fred", "Content-Length": "1000000"}
    before = django_site.objects()
    django_site.begin(headers, bytes(500_000)).close()
    entry = django_site.entry(subject="fred")
    assert entry["why"] == "client_left"
    assert trail(django_site, "fred") == [["PUT", "refused", "", "client_left"]]
    assert state(django_site, entry["id"]) == "released"
    assert wait_until(lambda: django_site.objects() == before, timeout_s=60)
