"""The cookbook: the code of each page in a small Django project, behind NGINX, in browsers where they matter."""

from __future__ import annotations

import io
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portal.demo.sample_files import report
from tests.browser.opened_files import OPENED
from tests.conftest import on_one_build
from tests.live.client import Reply, ask
from tests.pages import FENCE, ROOT, text
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until
from xaccel_testing.stack import Project, Stack, run_stack

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.firefox import Firefox
    from tests.servers.origin import Origin
    from xaccel_testing import S3Server, Variant

pytestmark = on_one_build

COOKBOOK = ROOT / "docs/cookbook"
MINIMAL = ROOT / "examples/minimal"
FILE = re.compile(r"(?:# (\w+\.py)|<!-- (\w+\.html) -->)\n")
PLACES = {"settings.py": "page_settings.py", "models.py": "unused.py"}
"""Files whose code goes elsewhere. The models of all pages are in one application."""
KEYS = [file.key for file in OPENED.values()]

MODELS = """
from django.contrib.auth.models import User
from django.db import models

class Tenant(models.Model):
    slug = models.SlugField()
    members = models.ManyToManyField(User)

class Document(models.Model):
    title = models.CharField(max_length=100)
    file = models.FileField()
    readers = models.ManyToManyField(User)
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True)
    size, crc32 = models.BigIntegerField(null=True), models.BigIntegerField(null=True)
    etag = models.CharField(max_length=80, null=True)

class Photo(models.Model):
    owner = models.ForeignKey(User, models.CASCADE)
    title, version = models.CharField(max_length=100), models.IntegerField(default=1)
    thumbnail = models.FileField()
"""
SETTINGS = """
from settings import *
MIDDLEWARE.remove("django.middleware.csrf.CsrfViewMiddleware")
MIDDLEWARE += ["django.middleware.clickjacking.XFrameOptionsMiddleware", "urls.signed_in"]
ROOT_URLCONF = "urls"
EMAIL_BACKEND, EMAIL_FILE_PATH = "django.core.mail.backends.filebased.EmailBackend", "mails"
"""
URLS = """
import inspect
import views
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.shortcuts import render
from django.urls import path
from documents.models import Document

def signed_in(get_response):
    def respond(request):
        request.user = User.objects.filter(username=request.COOKIES.get("user")).first() or AnonymousUser()
        return get_response(request)
    return respond

def page(request, pk):
    return render(request, "page.html", {"document": Document.objects.get(pk=pk)})

urlpatterns = [path("page/<pk>", page)]
urlpatterns += staticfiles_urlpatterns()
for name, view in vars(views).items():
    if getattr(view, "__module__", "") == "views":
        arguments = [f"<{each}>" for each in inspect.signature(view).parameters if each != "request"]
        urlpatterns.append(path("/".join([name, *arguments]), view, name=name))
"""
SEED = f"""
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from documents.models import Document, Photo, Tenant
ann, bob = (User.objects.create_user(name) for name in ("ann", "bob"))
tenant = Tenant.objects.create(slug="a")
tenant.members.add(ann)
for key in {KEYS}:
    Document.objects.create(title="Minutes", file=key, tenant=tenant).readers.add(ann)
Photo.objects.bulk_create(Photo(owner=ann, title="A yard", thumbnail="picture.png") for _ in range(60))
"""
ANN = {"Cookie": "user=ann"}


def path_of(view: str, kind: str) -> str:
    """Return the address of a view for the document of this kind in OPENED."""
    return f"/{view}/{[*OPENED].index(kind) + 1}"


def write(page: str, folder: Path, changes: Mapping[str, str]) -> None:
    """Write the code of a page as the files that its first lines name, and what it leaves to its reader."""
    documents = folder / "documents"
    (documents / "templates").mkdir(parents=True)
    (documents / "__init__.py").touch()
    models = [code for path in sorted(COOKBOOK.glob("*.md")) for code in blocks(path, "models.py")]
    own = "\n".join(models).replace("from documents.models import Document\n", "")
    (documents / "models.py").write_text(MODELS + own)
    (folder / "urls.py").write_text(URLS)
    (folder / "page_settings.py").write_text(SETTINGS)
    (folder / "views.py").touch()
    for kind, code in FENCE.findall(text(COOKBOOK / f"{page}.md")) if page else []:
        for old, new in changes.items():
            code = code.replace(old, new)
        if found := FILE.match(code):
            name = found[2] if kind == "html" else PLACES.get(found[1], found[1])
            with (documents / "templates" / name if kind == "html" else folder / name).open("a") as file:
                file.write(code[found.end() :])


def blocks(page: Path, name: str) -> list[str]:
    return [code for _, code in FENCE.findall(text(page)) if code.startswith(f"# {name}\n")]


def environment(folder: Path, bucket: str, s3: S3Server) -> dict[str, str]:
    return {
        "DEBUG": "1",
        "S3_BUCKET": bucket,
        "S3_ENDPOINT": s3.endpoint,
        "DATABASE": str(folder / "cookbook.sqlite3"),
        "DJANGO_SETTINGS_MODULE": "page_settings",
        "PYTHONPATH": os.pathsep.join([str(folder), str(MINIMAL)]),
    }


@pytest.fixture(scope="module")
def database(bucket: str, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database for each recipe: documents, photos and a tenant of ann. bob may read nothing."""
    folder = tmp_path_factory.mktemp("seeded")
    write("", folder, {})
    command = [sys.executable, "-m", "django", "shell", "-c", SEED]
    subprocess.run(command, cwd=folder, env={**os.environ, **environment(folder, bucket, s3)}, check=True)
    return folder / "cookbook.sqlite3"


Cook = Callable[..., AbstractContextManager[Stack]]


@pytest.fixture
def cook(database: Path, bucket: str, s3: S3Server, variant: Variant, tmp_path: Path) -> Cook:
    """Run the code of a page, with changes such as other addresses, behind NGINX."""

    @contextmanager
    def cooked(
        page: str, changes: Mapping[str, str] | None = None, settings: str = "", port: int = 0
    ) -> Iterator[Stack]:
        folder = tmp_path / f"{page}-{len([*tmp_path.iterdir()])}"
        folder.mkdir()
        write(page, folder, changes or {})
        with (folder / "page_settings.py").open("a") as file:
            file.write(settings)
        shutil.copy(database, folder)
        application = "django.core.wsgi:get_wsgi_application()"
        env = environment(folder, bucket, s3)
        project = Project(application=application, directory=folder, env=env, port=port)
        with run_stack(folder / "stack", project, s3=s3, variant=variant) as stack:
            yield stack

    return cooked


def shell(page: str) -> str:
    [command] = [code for kind, code in FENCE.findall(text(COOKBOOK / f"{page}.md")) if kind == "sh"]
    return command


def get(stack: Stack, target: str, method: str = "GET", **headers: str) -> Reply:
    return ask(stack.nginx.port, target, method, headers)


def enter(stack: Stack, page: Page, path: str = "") -> None:
    """Sign ann in, and open a page of the project."""
    page.context.add_cookies([{"name": "user", "value": "ann", "url": stack.url}])
    if path:
        page.goto(stack.url + path)


def require_permission(stack: Stack, view: str, kind: str) -> None:
    """The reader gets the file and a range of it; another user does not learn that it exists."""
    content, path = OPENED[kind].content(), path_of(view, kind)
    whole, part = get(stack, path, **ANN), get(stack, path, **ANN, Range="bytes=10-19")
    assert (whole.status, whole.body) == (200, content), stack.app.log
    assert (part.status, part.body) == (206, content[10:20])
    assert get(stack, path, Cookie="user=bob").status == 404


def test_a_video_starts_and_jumps(cook: Cook, page: Page) -> None:
    with cook("video") as stack:
        enter(stack, page, path_of("page", "audio"))
        player = page.locator("video")
        player.evaluate("async it => { it.muted = true; await it.play(); it.currentTime = 100 }")
        assert wait_until(lambda: player.evaluate("it => it.currentTime") > 100.2, timeout_s=60)
        page.close()
        assert wait_until(lambda: any(start(line) > 8_000_000 for line in stack.lines()), timeout_s=60)
        require_permission(stack, "video", "text")


def start(line: dict[str, Any]) -> int:
    return int(line["range"].removeprefix("bytes=").partition("-")[0])


def test_the_second_visit_of_a_gallery_requests_no_image(cook: Cook, page: Page) -> None:
    with cook("gallery") as stack:
        for _ in range(2):
            enter(stack, page, "/gallery")
            page.wait_for_function("[...document.images].every(it => it.complete && it.naturalWidth == 200)")
            assert len(stack.lines(60)) == 60
            page.goto("about:blank")
        assert get(stack, "/thumbnail/1/1", Cookie="user=bob").status == 404


def test_a_member_gets_the_file_from_the_tenants_bucket(cook: Cook) -> None:
    with cook("tenants") as stack:
        stack.put("acme-tenant-a", KEYS[0], b"of tenant a")
        stack.put("acme-tenant-b", KEYS[0], b"of tenant b")
        assert get(stack, "/download/1", **ANN).body == b"of tenant a"
        assert get(stack, "/download/1", Cookie="user=bob").status == 404


def test_a_script_of_another_host_reads_the_file_and_its_name(
    cook: Cook, page: Page, elsewhere: Origin
) -> None:
    [script] = [code for kind, code in FENCE.findall(text(COOKBOOK / "spa.md")) if kind == "js"]
    with cook("spa", {"https://app.example": elsewhere.url}) as stack:
        enter(stack, page)
        page.goto(elsewhere.url)
        script = script.replace("https://files.example/download/1", stack.url + path_of("download", "text"))
        for more in ("", "headers: { Authorization: 'Bearer x' }, "):
            code = script.replace("{ credentials", f"{{ {more}credentials")
            found = page.evaluate(f"async () => {{ {code}; return [disposition, await file.text()] }}")
            assert found == ['inline; filename="note.txt"', OPENED["text"].content().decode()]
        stranger = get(stack, path_of("download", "text"), **ANN, Origin="https://stranger.example")
        assert (stranger.status, stranger.one("Access-Control-Allow-Origin")) == (200, None)


def test_a_previews_script_does_not_run(cook: Cook, page: Page) -> None:
    with cook("html-preview", {" sandbox>": ">"}) as stack:
        enter(stack, page, path_of("page", "html"))
        frame = page.frames[1]
        assert frame.evaluate("document.title") == "quiet"
        assert frame.evaluate("window.origin") == "null"
        assert "called-home" not in stack.nginx.access_log


FRAMED = {
    "own page": ({}, "/pdf/5"),
    "no decorator": ({"@xframe_options_sameorigin\n": ""}, "chrome-error:"),
    "sandbox": ({"<iframe ": "<iframe sandbox "}, "chrome-error:"),
}


@pytest.mark.parametrize(("changes", "address"), FRAMED.values(), ids=FRAMED)
def test_a_pdf_is_shown_in_a_frame_as_the_page_says_only(
    cook: Cook, page: Page, changes: dict[str, str], address: str
) -> None:
    with cook("pdf-frame", changes) as stack:
        enter(stack, page, path_of("page", "pdf"))
        assert wait_until(lambda: address in page.frames[1].url, timeout_s=60)
        if not changes:
            assert wait_until(lambda: len(page.frames) > 2, timeout_s=60)
            page.frames[2].locator("#pagelength").wait_for()


def test_a_mailed_link_works_without_signing_in_until_its_date(cook: Cook) -> None:
    with cook("share-by-email") as stack:
        folder = stack.project.directory
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        sent = ask(stack.nginx.port, path_of("share", "pdf"), "POST", {**ANN, **form}, b"to=bob@example.com")
        assert sent.status == 200, stack.app.log
        [mail] = (folder / "mails").iterdir()
        [link] = re.findall(r"http://\S+(/shared/\S+)", text(mail))
        assert get(stack, link).body == OPENED["pdf"].content()
        assert stack.lines(1)[-1]["subject"] == "link-1"
        assert get(stack, f"{link}x").status == 404
        with sqlite3.connect(folder / "cookbook.sqlite3") as database:
            database.execute("UPDATE documents_sharelink SET until = '2026-01-01'")
        assert get(stack, link).status == 404


def test_firefox_reads_a_pdf_by_ranges(cook: Cook, fox: Firefox, s3: S3Server, bucket: str) -> None:
    key, content = "thick.pdf", b"".join(report.blocks(pages=1500))
    s3.put(bucket, key, content, "application/pdf")
    with cook("pdf-viewer", {"document.file": repr(key), "1_000_000": "100_000"}) as stack:
        fox.open(f"{stack.url}/page/1")
        fox.evaluate("document.cookie = 'user=ann; path=/'")
        # not `open`, which waits for the whole file
        fox.evaluate("location.assign('/pdf/1')")
        assert wait_until(
            lambda: any(line["range"] for line in stack.lines() if line["status"] == "206"), timeout_s=60
        )


def test_a_presigned_view_redirects_and_its_successor_hides_the_storage(cook: Cook, bucket: str) -> None:
    path = path_of("download", "pdf")
    old_view = {"# views.py\n": "# new.py\n", "# views.py, before\n": "# views.py\n"}
    with cook("presigned", old_view) as before:
        redirected = get(before, path, **ANN)
        assert (redirected.status, bucket in (redirected.one("Location") or "")) == (302, True)
    with cook("presigned") as after:
        require_permission(after, "download", "pdf")
        assert bucket.encode() not in get(after, path, **ANN).everything()


def test_a_download_of_5_gb_resumes_at_its_last_bytes(cook: Cook, tmp_path: Path) -> None:
    size, last, media = 5 * 2**30, b"the last bytes", tmp_path / "media"
    media.mkdir()
    with (media / KEYS[0]).open("wb") as file:
        file.seek(size - len(last))
        file.write(last)
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(media)}}
    with cook("huge", settings=f'STORAGES["default"] = {storage}\n') as stack:
        copy = stack.project.directory / "backup.tar"
        copy.touch()
        os.truncate(copy, size - 5)
        command = shell("huge").replace("https://app.example", stack.url).replace("sessionid=…", "user=ann")
        subprocess.run(["bash", "-ec", command], cwd=copy.parent, check=True, timeout=60)
        with copy.open("rb") as file:
            file.seek(size - len(last))
            assert file.read() == bytes(len(last) - 5) + last[-5:]
        assert get(stack, "/download/1", Cookie="user=bob").status == 404


def test_all_documents_or_the_chosen_ones_arrive_as_one_zip(cook: Cook, page: Page, tmp_path: Path) -> None:
    port, contents = free_port(), [file.content() for file in OPENED.values()]
    settings = f'XACCEL["ARCHIVES"]["listen"] = "127.0.0.1:{free_port()}"\n'
    with cook("download-all", {"127.0.0.1:8000": f"127.0.0.1:{port}"}, settings, port) as stack:
        command = shell("download-all").replace("python manage.py", "-m django").split()
        stack.run(*command)
        came = get(stack, "/download_all", **ANN)
        assert came.status == 200, stack.app.log
        with zipfile.ZipFile(io.BytesIO(came.body)) as archive:
            assert sorted(map(archive.read, archive.namelist())) == sorted(contents)
        enter(stack, page, "/choose")
        for box in page.get_by_role("checkbox").all()[:2]:
            box.check()
        with page.expect_download() as begun:
            page.get_by_role("button", name="Download as ZIP").click()
        begun.value.save_as(tmp_path / "chosen.zip")
        with zipfile.ZipFile(tmp_path / "chosen.zip") as archive:
            assert [archive.read(name) for name in archive.namelist()] == contents[:2]


def test_files_are_uploaded_with_a_progress_bar(
    cook: Cook, page: Page, s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    """The larger one goes in two parts."""
    port = free_port()
    files = {"Überblick.pdf": OPENED["pdf"].content(), "large.bin": os.urandom(9_000_000)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    settings = f'XACCEL["UPLOADS"]["listen"] = "127.0.0.1:{free_port()}"\n'
    with cook("upload", {"127.0.0.1:8000": f"127.0.0.1:{port}"}, settings, port) as stack:
        stack.run("-m", "django", "migrate", "--verbosity", "0")
        enter(stack, page, path_of("page", "pdf"))
        page.get_by_label("Add files").set_input_files([tmp_path / name for name in files])
        page.get_by_text("Stored").nth(1).wait_for()
        assert page.evaluate("[...document.querySelectorAll('progress')].map(it => it.value / it.max)") == [
            1,
            1,
        ]
        with sqlite3.connect(stack.project.directory / "cookbook.sqlite3") as database:
            keys = dict(
                database.execute("SELECT title, file FROM documents_document WHERE title != 'Minutes'")
            )
        stored = {name: s3.client().get_object(Bucket=bucket, Key=key) for name, key in keys.items()}
        assert {name: reply["Body"].read() for name, reply in stored.items()} == files
        how_to = FENCE.findall(text(ROOT / "docs/integrate/upload-browser.md"))
        [html] = [code for _, code in how_to if "new Upload" in code]
        token = '<input type="hidden" name="csrfmiddlewaretoken" value="none">'
        html = html.replace("{% load static %}{% csrf_token %}", token)
        page.set_content(html.replace("{% static 'xaccel/upload.js' %}", "/static/xaccel/upload.js"))
        page.locator("#file").set_input_files(tmp_path / "Überblick.pdf")
        page.get_by_text(re.compile(r"Stored: \d+")).wait_for()
        enter(stack, page, path_of("page", "pdf"))
        page.context.clear_cookies()
        page.get_by_label("Add files").set_input_files([tmp_path / "large.bin"])
        page.get_by_text("You may not upload here, or the CSRF token is missing.").wait_for()
