"""The blocks of README and of the adapters' pages, run as they stand: from a real bucket, through a real NGINX."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.pages import BASICS, PAGES, ROOT, Page, integrate, write
from tests.live.client import ask
from tests.pages import FENCE, text
from tests.unit.senders import SECRET
from xaccel.asgi import Downloads
from xaccel_testing import S3Server, Variant
from xaccel_testing.stack import Project, run_stack

MINIMAL = ROOT / "examples" / "minimal"
CONTENT = b"%PDF- the minutes"
DJANGO = {"DEBUG": "1", "S3_BUCKET": "acme-documents"}
SEED = """
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from documents.models import Document
reader = User.objects.create_user("reader")
for title in ("Minutes", "Of somebody else"):
    document = Document.objects.create(title=title, file="minutes.pdf")
    if title == "Minutes":
        document.readers.add(reader)
"""


def project(page: Page, folder: Path) -> Project:
    env = {"PYTHONPATH": os.pathsep.join([str(folder), str(MINIMAL)])}
    if page.site:
        return Project(
            application="app:app", kind=page.kind, directory=folder, site=Path("site.toml"), env=env
        )
    of_django = {
        **DJANGO,
        "DJANGO_SETTINGS_MODULE": "page_settings",
        "DATABASE": str(folder / "page.sqlite3"),
    }
    return Project(
        application="django.core.wsgi:get_wsgi_application()", directory=folder, env={**env, **of_django}
    )


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database for each Django project: the user who asks, a document that she may read, and one that she may not."""
    file = tmp_path_factory.mktemp("seeded") / "page.sqlite3"
    env = {**os.environ, **DJANGO, "DJANGO_SETTINGS_MODULE": "settings", "DATABASE": str(file)}
    subprocess.run([sys.executable, "-m", "django", "shell", "-c", SEED], cwd=MINIMAL, env=env, check=True)
    return file


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{Path(page.name).stem}-{page.word}")
def test_each_code_block_sends_only_permitted_files(
    page: Page, s3: S3Server, some_variant: Variant, seeded: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    write(page, folder)
    if not page.site:
        shutil.copy(seeded, folder)
    with run_stack(tmp_path / "stack", project(page, folder), s3=s3, variant=some_variant) as stack:
        stack.put("acme-documents", "minutes.pdf", CONTENT, "application/pdf")
        sent, other = (ask(stack.nginx.port, f"/files/{number}") for number in (1, 2))
        assert (sent.status, sent.body) == (200, CONTENT), stack.app.log
        assert (sent.one("Content-Disposition") or "").startswith("attachment; filename=")
        assert other.status == 404
        head = ask(stack.nginx.port, "/files/1", "HEAD", headers={"Accept": "application/pdf"})
        shown = ["…", f"HTTP/1.1 {head.status} OK", *(f"{key}: {value}" for key, value in head.headers)]
        quoted = [
            code
            for kind, code in FENCE.findall(text(ROOT / page.name))
            if kind == "text" and "HTTP/1.1" in code
        ]
        assert len(quoted) == page.name.startswith("docs/integrate/")
        assert [line for code in quoted for line in code.splitlines() if line not in shown] == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.site and page.name.startswith("docs/integrate/")],
    ids=lambda page: f"{Path(page.name).stem}-{page.word}",
)
def test_a_page_says_how_its_app_is_started_and_where_its_site_is_looked_for(page: Page) -> None:
    kind = "" if page.kind == "wsgi" else "--worker-class asgi "
    assert f"`gunicorn {kind}app:app` starts it" in text(ROOT / page.name)
    assert "(basics.md#describe-the-site)" in text(ROOT / page.name)
    assert "relative to the working directory" in " ".join(text(ROOT / BASICS).split())


def test_the_asgi_app_ignores_other_scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [page] = (page for page in PAGES if page.name == integrate("asgi"))
    write(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec((tmp_path / "app.py").read_text(), names)
    with pytest.raises(NotImplementedError, match="lifespan"):
        asyncio.run(names["app"]({"type": "lifespan"}, None, None))


def test_the_asgi_app_of_the_docstring_asks_for_no_permission_at_the_servers_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("site.toml").write_text(
        f'secret = "{SECRET}"\norigins.web = {{type = "http", base_url = "http://h/"}}'
    )
    code = (inspect.getdoc(Downloads) or "").partition("# app.py\n")[2]
    asked: list[str] = []
    names: dict[str, object] = {"Downloads": Downloads, "may_read": lambda scope: asked.append(scope["type"])}
    exec(inspect.cleandoc(code), names)
    asyncio.run(names["app"]({"type": "lifespan"}, None, None))  # type: ignore[operator]
    assert asked == []
