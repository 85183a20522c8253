"""Management commands."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import uuid
import zlib
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from portal.files.models import File, Grant

MANAGE = Path(__file__).resolve().parents[2] / "portal" / "manage.py"


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_grant_and_revoke_a_user(person, file):
    user = person("mei")
    assert "granted" in run("grant", "mei", str(file.pk))
    assert "was granted already" in run("grant", "mei", str(file.pk))
    assert file in File.objects.visible_to(user)
    assert "revoked" in run("revoke", "mei", str(file.pk))
    assert file not in File.objects.visible_to(user)
    with pytest.raises(CommandError, match="no direct grant"):
        run("revoke", "mei", str(file.pk))


def test_grant_and_revoke_a_group(person, file):
    user = person("mei", groups=["Finance"])
    run("grant", "--group", "Finance", str(file.pk))
    assert file in File.objects.visible_to(user)
    run("revoke", "--group", "Finance", str(file.pk))
    assert file not in File.objects.visible_to(user)


def test_names_do_not_control_the_terminal(person, file):
    person("mei\u202e\x9b")
    assert run("grant", "mei\u202e\x9b", str(file.pk))[:-1].isprintable()
    assert run("revoke", "mei\u202e\x9b", str(file.pk))[:-1].isprintable()
    with pytest.raises(CommandError) as refused:
        run("revoke", "mei\u202e\x9b", str(file.pk))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("command", ["grant", "revoke"])
def test_unknown_user_or_file_is_an_error(command, person, file):
    person("mei")
    for name, pk in (("nobody", file.pk), ("mei", uuid.uuid4())):
        with pytest.raises(CommandError, match="does not exist"):
            run(command, name, str(pk))


def test_a_file_is_uploaded_to_a_new_bucket_and_granted(person, s3, tmp_path, settings):
    person("mei")
    origin = {"type": "s3", "bucket": "uploaded", "endpoint_url": s3.endpoint, "addressing_style": "path"}
    keys = {"access_key": s3.access_key, "secret_key": s3.secret_key, "region": "us-east-1"}
    settings.XACCEL = {**settings.XACCEL, "ORIGINS": {"documents": {**origin, **keys}}}
    (tmp_path / "a").write_bytes(b"content")
    arguments = ["upload_file", str(tmp_path / "a"), "--name=A b.txt", "--user=mei"]
    first, second = run(*arguments), run(*arguments)
    [file] = File.objects.visible_to(User.objects.get(username="mei"))
    assert first == second == f"{file.pk}\n"
    assert (file.key, file.size, file.content_type) == ("A b.txt", 7, "text/plain")
    assert file.sha256 == hashlib.sha256(b"content").hexdigest()
    stored = s3.client().get_object(Bucket="uploaded", Key="A b.txt")
    assert stored["Body"].read() == b"content"
    assert File.objects.values_list("crc32", "etag").get() == (zlib.crc32(b"content"), stored["ETag"])


def test_seed_file_twice_makes_one_file_and_one_grant(person):
    person("mei", groups=["Finance"])
    arguments = ["seed_file", "--key=a+b #1%.txt", "--name=A.txt", "--size=3", f"--sha256={'a' * 64}"]
    arguments += ["--user=mei", "--group=Finance"]
    first, second = run(*arguments), run(*arguments)
    assert first == second == f"{File.objects.get(key='a+b #1%.txt').pk}\n"
    assert Grant.objects.count() == 2


def test_seed_file_reads_many_from_json(person, tmp_path):
    person("mei")
    entry = {"size": 3, "content_type": "text/plain", "sha256": "a" * 64, "users": ["mei"]}
    entries = [entry | {"key": key, "name": f"{key}.txt"} for key in "abc"]
    given = tmp_path / "files.json"
    given.write_text(json.dumps(entries))
    assert run("seed_file", f"--json={given}").split() == [str(File.objects.get(key=key).pk) for key in "abc"]


def test_a_repeated_seed_file_keeps_folder_and_type(person):
    arguments = ["seed_file", "--key=a", "--name=A.txt", "--size=3", f"--sha256={'a' * 64}"]
    run(*arguments, "--folder=Finance", "--content-type=text/plain")
    run(*arguments)
    file = File.objects.get(key="a")
    assert (file.folder, file.content_type) == ("Finance", "text/plain")


def test_a_seed_file_with_an_error_in_its_list_registers_none(tmp_path, db):
    entry = {"name": "A.txt", "size": 3, "sha256": "a" * 64}
    given = tmp_path / "files.json"
    given.write_text(json.dumps([entry | {"key": "good"}, entry | {"key": ".."}]))
    with pytest.raises(CommandError):
        run("seed_file", f"--json={given}")
    assert not File.objects.exists()


def test_errors_of_a_seed_file_name_the_problem(person):
    with pytest.raises(CommandError, match="--sha256"):
        run("seed_file", "--key=a", "--name=a", "--size=1")
    with pytest.raises(CommandError, match="hexadecimal"):
        run("seed_file", "--key=a", "--name=a", "--size=1", "--sha256=x")
    with pytest.raises(CommandError, match="does not exist"):
        run("seed_file", "--key=a", "--name=a", "--size=1", f"--sha256={'a' * 64}", "--user=nobody")


def test_manage_runs_from_any_folder(tmp_path):
    environ = {
        "PATH": "/usr/bin:/bin",
        "PORTAL_DEBUG": "1",
        "PORTAL_S3_BUCKET": "bucket",
        "PORTAL_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, str(MANAGE), "makemigrations", "--check", "--dry-run"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "No changes detected\n", "")
