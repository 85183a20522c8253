"""A user adds a file: the portal decides before its first byte, and makes the row when it is stored."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from portal.files.models import File, Removal
from portal.files.views.upload import MOST_BYTES, make_file
from tests.servers.origin import Answer, origin_server
from xaccel.django.uploads.models import Upload
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_TOKEN_HEADER

SECRET = "of-the-portals-uploads-0123456789-abcdef"


@pytest.fixture
def with_uploads(settings):
    uploads = {
        "app": "127.0.0.1:1",
        "listen": "127.0.0.1:2",
        "paths": ["/upload/"],
        "origins": ["documents"],
    }
    settings.XACCEL = {**settings.XACCEL, "SECRET": SECRET, "UPLOADS": uploads}


def ask(browser, size=5, **query):
    """Ask as NGINX does."""
    headers = {
        UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_ASK),
        "Xaccel-Upload-Length": str(size),
        "x-amz-checksum-crc32": "NhCmhg==",
    }
    return browser.put(
        reverse("upload", query={"name": "Minutes.html", **query}), headers=headers, content_type="image/png"
    )


@pytest.mark.usefixtures("with_uploads")
def test_a_stored_file_is_its_users_alone_with_the_type_of_its_name(person, signed_in):
    mei, sam = person("mei"), person("sam")
    response = ask(signed_in(mei), name="a/b\u202e.html", folder="Spring")
    assert (response.status_code, response["Xaccel-Origin"]) == (204, "documents")
    upload = Upload.objects.get()
    upload.etag = '"v1"'
    make_file(upload)
    [file] = File.objects.visible_to(mei)
    assert (file.key, file.size, file.crc32, file.created_by) == (upload.key, 5, 0x3610A686, mei)
    assert (file.name, file.folder, file.content_type) == ("a_b_.html", "Spring", "text/html")
    assert not File.objects.visible_to(sam).exists()


@pytest.mark.usefixtures("with_uploads")
def test_a_file_whose_user_was_deleted_meanwhile_has_no_grant(person, signed_in):
    mei = person("mei")
    ask(signed_in(mei))
    mei.delete()
    make_file(Upload.objects.get())
    assert not File.objects.get().grants.exists()


@pytest.mark.usefixtures("with_uploads")
def test_who_may_not_add_a_file_reserves_nothing(person, signed_in, client):
    browser = signed_in(person("mei"))
    assert ask(client).status_code == 401
    assert ask(browser, name="").status_code == 400
    assert ask(browser, size=MOST_BYTES + 1)["Xaccel-Status"] == "413"
    assert browser.get(reverse("upload")).status_code == 405
    assert not Upload.objects.exists()


@pytest.mark.usefixtures("with_uploads")
def test_files_and_uploads_under_way_count(person, signed_in):
    mei = person("mei")
    File.objects.create(name="a", key="a", size=MOST_BYTES - 112, created_by=mei)
    Removal.objects.create(origin="documents", key="b", size=100, created_by=mei)
    browser = signed_in(mei)
    assert [ask(browser).get("Xaccel-Status") for _ in range(3)] == [None, None, "507"]


def test_without_uploads_the_list_takes_no_files(person, signed_in):
    assert 'type="file"' not in signed_in(person("mei")).get(reverse("files")).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("char", [" ", "\n", "\r", "\x9b", "\u202e", "\u2028", "\x85"])
def test_keys_of_the_storage_are_printed_on_one_line_each(with_uploads, settings, capsys, char):
    key = f"uploads/x{char}documents {settings.XACCEL['ORIGINS']['documents']['bucket']} uploads/live"
    key = key.replace(char, f"&#{ord(char)};")
    entry = f"<Contents><Key>{key}</Key><LastModified>2026-11-01T00:00:00Z</LastModified></Contents>"

    def answer(request):
        is_first = "list-type" in request.target and "prefix=uploads%2F" in request.target
        return Answer(body=f"<Result>{entry if is_first else ''}</Result>".encode())

    with origin_server(answer) as storage:
        origins = settings.XACCEL["ORIGINS"]
        documents = {**origins["documents"], "endpoint_url": storage.url, "addressing_style": "path"}
        settings.XACCEL = {**settings.XACCEL, "ORIGINS": {**origins, "documents": documents}}
        call_command("xaccel", "sweep", "--list", "uploads")
    printed = capsys.readouterr().out
    assert printed.count("\n") == len(printed.splitlines()) == 1
    assert printed[:-1].isprintable()
    _, bucket, word = printed[:-1].split(" ")
    assert unquote(word) == f"uploads/x{char}documents {bucket} uploads/live"


@pytest.mark.django_db
def test_the_sweep_deletes_the_others_if_a_file_or_folder_refuses(
    settings, tmp_path, capsys, monkeypatch, caplog
):
    """The tests may run as root, whom the system refuses nothing."""
    unlink, origins = Path.unlink, settings.XACCEL["ORIGINS"]

    def refuse(path, **more):
        if path.name == "0000000002":
            raise PermissionError(13, "Permission denied")
        unlink(path, **more)

    for name in ("disk", "other"):
        (tmp_path / name).mkdir()
        origins = {**origins, name: {"type": "local", "root": str(tmp_path / name)}}
    (tmp_path / "disk/.xaccel-uploads").write_text("not a folder")
    staging = tmp_path / "other/.xaccel-uploads"
    staging.mkdir()
    for name in ("0000000001", "0000000002", "0000000003", "letter.txt"):
        (staging / name).touch()
    (staging / "mine").mkdir()
    settings.XACCEL = {**settings.XACCEL, "ORIGINS": origins}
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CommandError, match="could not delete what NGINX left"):
        call_command("xaccel", "sweep", "--older", "0")
    assert sorted(path.name for path in staging.iterdir()) == ["0000000002", "letter.txt", "mine"]
    assert capsys.readouterr().out == "2 leftover, 2 undeleted\n"
    assert f"cannot delete {staging}/0000000002 (Permission denied)" in caplog.text
    assert f"cannot read {tmp_path}/disk/.xaccel-uploads (Not a directory)" in caplog.text
