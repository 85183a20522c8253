"""An upload in parts: it begins, goes on after a cut, ends, is given up; two clients at once lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import on_one_build
from tests.live.uploads.parts import BODY, OFFSETS, PART, Client, hold, is_unfinished, row, status_of
from tests.live.uploads.scene import SECRET, Browser, Scene, another_nginx, crc32_of, in_project, state, trail
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_TOKEN_HEADER
from xaccel_testing import Variant, free_port
from xaccel_testing.servers.processes import wait_until


@pytest.fixture
def client(django_site: Scene) -> Client:
    return Client(Browser(django_site))


def test_a_file_comes_in_parts_and_the_last_response_is_the_views(client: Client) -> None:
    site = client.browser.site
    begun = client.begin(**{"x-amz-checksum-crc32": crc32_of(BODY)})
    assert begun.status == 201
    assert begun.one("Upload-Limit") == f"min-append-size={PART}, max-append-size={PART}"
    assert client.how_far() == ("0", "?0")
    for offset in OFFSETS[:2]:
        reply = client.append(offset)
        found = reply.status, reply.one("Upload-Offset"), reply.one("Upload-Complete")
        assert found == (204, str(offset + PART), "?0")
        assert client.how_far() == (str(offset + PART), "?0")
    assert is_unfinished(client)
    assert row(client)[0] not in site.objects()
    reply = client.append(OFFSETS[2])
    assert (reply.status, reply.one("Upload-Complete")) == (201, "?1")
    made = json.loads(reply.body)
    assert client.how_far() == (str(len(BODY)), "?1")
    assert [one for one in site.told() if one["id"] == made["id"]] == [
        {"id": made["id"], "key": made["key"], "size": len(BODY), "crc32": crc32_of(BODY)}
    ]
    stored = site.s3.client().get_object(Bucket=site.bucket, Key=made["key"], ChecksumMode="ENABLED")
    assert stored["Body"].read() == BODY
    assert (stored["ContentType"], stored["ETag"]) == ("image/png", made["etag"])
    assert stored["ChecksumCRC32"] == crc32_of(BODY)
    assert not is_unfinished(client)
    assert client.append(OFFSETS[2]).status == 409
    assert client.ask("DELETE").status == 409


def test_a_part_that_is_cut_at_any_byte_comes_again(client: Client) -> None:
    client.user = "cut"
    client.begin()
    client.append(0)
    site = client.browser.site
    for number, sent in enumerate((0, 1, PART - 1), 1):
        with hold(client, PART, BODY[PART : PART + sent]):
            pass
        assert wait_until(lambda: site.log().count('"subject":"cut"') > number, timeout_s=60)  # noqa: B023
        assert client.how_far() == (str(PART), "?0")
    entry = site.entry(subject="cut", why="client_left")
    assert (entry["kind"], entry["method"], entry["size"]) == ("upload", "PATCH", str(PART))
    assert [client.append(offset).status for offset in OFFSETS[1:]] == [204, 201]
    assert wait_until(lambda: site.log().count('"subject":"cut"') == 6, timeout_s=60)
    cut, stored = ["PATCH", "refused", "", "client_left"], ["PATCH", "stored", "", ""]
    assert sorted(trail(site, "cut")) == [*[cut] * 3, *[stored] * 3]


@on_one_build
@pytest.mark.parametrize("is_last", [False, True])
def test_of_two_clients_at_once_one_has_appended(client: Client, is_last: bool) -> None:
    """Both are accepted, and send different bytes; the first to end counts, and nothing of the other is in the file."""
    client.begin(**{"x-amz-checksum-crc32": crc32_of(BODY)})
    offsets = OFFSETS if is_last else OFFSETS[:1]
    for offset in offsets[:-1]:
        client.append(offset)
    part = BODY[offsets[-1] :][:PART]
    other = bytes(len(part))
    with hold(client, offsets[-1], other[:-1], other) as connection:
        assert wait_until(lambda: row(client)[1] == len(offsets), timeout_s=60)
        first = client.append(offsets[-1])
        assert first.status == (201 if is_last else 204)
        connection.sendall(other[-1:])
        assert status_of(connection) == 409
    for offset in OFFSETS[len(offsets) :]:
        first = client.append(offset)
    key = json.loads(first.body)["key"]
    site = client.browser.site
    assert site.s3.client().get_object(Bucket=site.bucket, Key=key)["Body"].read() == BODY


@on_one_build
def test_a_last_part_that_comes_while_another_is_joined_deletes_nothing(client: Client) -> None:
    """The app reads the upload for both requests before it has stored that one of them ended.

    The other one gets no number: the row keeps the one of the stored part, whose end NGINX may report again.
    """
    client.begin()
    *_, reply = [client.append(offset) for offset in OFFSETS]
    site, made = client.browser.site, json.loads(reply.body)
    said = site.in_project(
        "from xaccel.django.uploads import parts\nfrom xaccel.django.uploads.models import Upload\n"
        f"row = Upload.objects.get(pk={made['id']!r})\n"
        "row.state, row.crc32 = 'open', ''\n"
        f"other = parts.Part({made['id']!r}, {OFFSETS[2]}, True, 9, 12_345, 'AAAAAA==')\n"
        "print(parts._end(row, other, '200').status)\n"
        "print(parts._numbered(row, other), Upload.objects.get(pk=row.pk).requests)"
    )
    assert said == "409\nRefusal(status=409, message='it is stored already') 3\n"
    assert site.s3.client().get_object(Bucket=site.bucket, Key=made["key"])["Body"].read() == BODY
    assert client.how_far() == (str(len(BODY)), "?1")


@on_one_build
def test_a_part_that_is_not_due_is_refused(client: Client) -> None:
    client.begin()
    client.append(0)
    short, most = BODY[PART : PART + 1000], f"min-append-size={PART}, max-append-size={PART}"
    refused = {
        "offset": (409, client.append(0)),
        "no offset": (409, client.append(PART, **{"Upload-Offset": ""})),
        "short": (400, client.append(PART, short)),
        "long": (413, client.append(PART, BODY[PART:])),
        "end": (400, client.append(PART, **{"Upload-Complete": "?1"})),
        "no CRC-32": (422, client.append(PART, **{"x-amz-checksum-crc32": ""})),
        "other CRC-32": (422, client.append(PART, **{"x-amz-checksum-crc32": crc32_of(b"")})),
        "another site": (403, client.append(PART, **{"Sec-Fetch-Site": "cross-site"})),
        "another subdomain": (403, client.append(PART, **{"Sec-Fetch-Site": "same-site"})),
        "another origin": (403, client.append(PART, Origin="https://other.example")),
        "no token": (403, client.append(PART, **{"X-CSRFToken": ""})),
        "another path": (404, client.ask("HEAD", client.at.replace("/files/a", "/files/b"))),
        "no upload": (404, client.ask("HEAD", "/files/a?upload=x")),
        "deleted by another site": (403, client.ask("DELETE", Origin="https://other.example")),
    }
    for case, (status, reply) in refused.items():
        assert reply.status == status, case
        assert case.startswith(("another", "no ", "deleted")) or reply.one("Upload-Offset") == str(PART), case
    assert refused["long"][1].one("Upload-Limit") == most
    assert json.loads(refused["offset"][1].body) == {
        "status": 409,
        "detail": f"the next part begins at {PART}",
    }
    assert [client.append(offset).status for offset in OFFSETS[1:]] == [204, 201]


@on_one_build
def test_another_user_finds_no_upload(client: Client) -> None:
    client.begin()
    other = Client(client.browser, "eve", client.at)
    assert [other.ask(method).status for method in ("HEAD", "DELETE")] == [404, 404]
    assert other.append(0).status == 404
    assert Client(client.browser, "mallory", client.at).append(0).status == 403
    assert client.how_far() == ("0", "?0")
    client.ask("DELETE")


@on_one_build
def test_an_upload_that_is_given_up_leaves_nothing(client: Client) -> None:
    site, client.user = client.browser.site, "gone"
    other, room = Client(client.browser, "gone"), len(BODY) + 5
    before = site.objects()
    client.begin(path=f"/files/a?quota={room}")
    client.append(0)
    assert is_unfinished(client)
    assert other.begin(path=f"/files/a?quota={room}", size=6).status == 507
    assert client.ask("DELETE").status == 204
    assert ["DELETE", "refused", "", ""] in trail(site, "gone")
    assert not is_unfinished(client)
    assert {client.ask(method).status for method in ("HEAD", "DELETE")} == {410}
    assert client.append(PART).status == 410
    assert other.begin(path=f"/files/a?quota={room}", size=room).status == 201
    assert site.objects() == before


@on_one_build
def test_an_upload_whose_parts_come_too_often_is_given_up(client: Client) -> None:
    """So upload.js begins anew, and the storage has none of the parts."""
    site = client.browser.site
    client.begin()
    client.append(0)
    site.in_project(
        "from xaccel.django.uploads.models import Upload\n"
        f"Upload.objects.filter(pk={client.at.rpartition('=')[2]!r}).update(requests=2 * 3 + 20)"
    )
    assert client.append(PART).status == 410
    assert not is_unfinished(client)
    assert client.ask("HEAD").status == 410


@on_one_build
def test_of_requests_at_once_none_is_one_too_many(client: Client) -> None:
    """The app reads the upload for both before it has given either a number."""
    site = client.browser.site
    client.begin()
    headers = {
        UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_ASK),
        "Xaccel-Upload-Length": str(PART),
        **client.head(0, BODY[:PART]),
    }
    said = site.in_project(
        "from django.test import RequestFactory\nfrom xaccel.django.uploads import parts\n"
        "from xaccel.django.uploads.models import Upload\n"
        f"found = Upload.objects.filter(pk={client.at.rpartition('=')[2]!r})\n"
        "found.update(requests=2 * 3 + 20 - 1)\n"
        f"asked, row = RequestFactory(headers={headers!r}).patch({client.at!r}), found.get()\n"
        "print(*[parts._go_on(asked, row, lambda _: None).status for _ in range(2)])\n"
        "print(parts._go_on(asked, row, lambda _: None).message)"
    )
    assert said == "204 410\nit was given up before its end\n"
    assert not is_unfinished(client)


@on_one_build
def test_the_sweep_aborts_an_upload_whose_begin_was_cut_off(client: Client) -> None:
    """The storage has it, and the app has no id."""
    site, id_ = client.browser.site, client.begin() and client.at.rpartition("=")[2]
    site.in_project(
        "from xaccel.django.uploads.models import Upload\n"
        f"Upload.objects.filter(pk={id_!r}).update(multipart='')\n"
        "call_command('xaccel', 'sweep', '--older', '3600')"
    )
    assert client.how_far() == ("0", "?0"), "it is not old enough"
    assert is_unfinished(client)
    # the first one gives it up, the second one deletes what it left
    site.in_project("call_command('xaccel', 'sweep', '--older', '0')\n" * 2)
    assert (is_unfinished(client), state(site, id_)) == (False, "gone")


@on_one_build
def test_a_last_part_that_comes_after_the_sweep_leaves_nothing(client: Client) -> None:
    site, id_ = client.browser.site, client.begin() and client.at.rpartition("=")[2]
    for offset in OFFSETS[:2]:
        assert client.append(offset).status == 204
    last = BODY[OFFSETS[2] :]
    with hold(client, OFFSETS[2], last[:100], last) as connection:
        assert wait_until(lambda: row(client)[1] == 3, timeout_s=60)
        site.in_project("call_command('xaccel', 'sweep', '--older', '0')\n" * 2)
        assert (is_unfinished(client), state(site, id_)) == (False, "gone")
        connection.sendall(last[100:])
        assert status_of(connection) == 410
    assert (is_unfinished(client), state(site, id_)) == (False, "gone")
    assert row(client)[0] not in site.objects()


@on_one_build
def test_a_file_that_changed_is_refused_as_a_whole(client: Client) -> None:
    before = client.browser.site.objects()
    client.begin(**{"x-amz-checksum-crc32": crc32_of(b"other")})
    statuses = [client.append(offset).status for offset in OFFSETS]
    assert statuses == [204, 204, 422]
    assert client.ask("HEAD").status == 410
    assert client.browser.site.objects() == before


@on_one_build
def test_what_does_not_begin_an_upload(client: Client) -> None:
    assert client.begin(**{"Upload-Length": "0"}).status == 400
    assert client.begin(**{"Upload-Complete": "?1"}).status == 400
    assert client.begin(**{"Upload-Length": "x"}).status == 400
    assert client.begin(size=(20 << 30) + 1).status == 413
    head = {**client.browser.headers, "Content-Length": str((5 << 30) + 1), "Expect": "100-continue"}
    came = client.browser.site.head_of("/files/a", head)
    assert came.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nXaccel-Error: the file is larger than 5368709120 bytes: send it in parts\r\n" in came
    assert client.begin(**{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert (
        client.ask("POST", "/files/a", BODY[:5], **{"Upload-Complete": "?0", "Upload-Length": "5"}).status
        == 400
    )
    assert client.ask("PUT", "/files/a", BODY[:5], **{"Upload-Complete": "?0"}).status == 400
    assert client.ask("PATCH", "/files/a", b"{}", **{"Content-Type": "application/json"}).status == 404


@on_one_build
def test_an_end_that_the_app_could_not_store_comes_again(client: Client) -> None:
    """The storage has joined the parts, and does not know them any more."""
    site, client.user = client.browser.site, "again"
    client.begin()
    statuses = [client.append(offset).status for offset in OFFSETS[:2]]
    fails = site.folder / "fails"
    fails.touch()
    try:
        reply = client.append(OFFSETS[2])
        assert (reply.status, reply.one("Upload-Complete")) == (503, "?0")
        assert client.how_far() == (str(OFFSETS[2]), "?0")
        assert site.objects()[row(client)[0]] == len(BODY)
    finally:
        fails.unlink()
    statuses.append(client.append(OFFSETS[2]).status)
    assert statuses == [204, 204, 201]
    assert site.entry(subject="again", status="201")["origin_status"] == "404"
    assert sum(one["key"] == row(client)[0] for one in site.told()) == 1


@on_one_build
def test_a_part_goes_on_after_the_storage_was_away(client: Client, variant: Variant, tmp_path: Path) -> None:
    site, down = client.browser.site, f"127.0.0.1:{free_port()}"
    client.begin()
    with another_nginx(site, tmp_path, variant, storage=down) as other:
        away = Client(Browser(other), at=client.at)
        assert [away.append(0).status for _ in range(3)] == [503] * 3
        assert (away.how_far(), row(client)[1]) == (("0", "?0"), 0), "an outage uses up no part"
    assert client.append(0).status == 204
    assert client.ask("DELETE").status == 204


@on_one_build
def test_an_upload_that_the_storage_does_not_begin_keeps_no_room(django_site: Scene, tmp_path: Path) -> None:
    mapping = json.loads((django_site.folder / "site.json").read_text())
    mapping["ORIGINS"]["documents"]["endpoint_url"] = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "site.json").write_text(json.dumps(mapping))
    said = in_project(
        tmp_path,
        "from django.test import RequestFactory\nfrom xaccel.django.uploads.models import Upload\n"
        "call_command('migrate', verbosity=0)\n"
        "asked = RequestFactory().generic('POST', '/files/a', HTTP_UPLOAD_COMPLETE='?0', HTTP_UPLOAD_LENGTH='9')\n"
        "print(tests.live.uploads.app.upload(asked, 'a').status_code, Upload.objects.get().state)",
    )
    assert said == "503 released\n"
