"""Blocks of README and pages that are an app but for what they leave to their reader, which is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.pages import FENCE, ROOT, own_secret, text
from xaccel_testing.servers.app import Kind

FLASK_LOGIN = """
from types import SimpleNamespace
known = {1: SimpleNamespace(key="minutes.pdf", title="Minutes")}
current_user = SimpleNamespace(document=known.get)
login_required = lambda view: view
"""
FASTAPI = """
from types import SimpleNamespace
class User:
    id = 7
    async def document(self, number):
        return {1: SimpleNamespace(key="minutes.pdf")}.get(number)
async def signed_in():
    return User()
"""
PLAIN = """
from types import SimpleNamespace
def found(path):
    return {"/files/1": SimpleNamespace(key="minutes.pdf")}.get(path)
"""
DJANGO_SETTINGS = """
from settings import *
INSTALLED_APPS += ["rest_framework"]
MIDDLEWARE += ["signed_in.middleware"]
ROOT_URLCONF = "app"
"""
SIGNED_IN = """
def middleware(get_response):
    def answer(request):
        from django.contrib.auth.models import User
        request.user = User.objects.get(username="reader")
        return get_response(request)
    return answer
"""
DJANGO = """
from django.contrib.auth.models import User
from django.urls import path
from documents.models import Document
from xaccel_testing.servers.app import Kind
def signed_in(request):
    return User.objects.get(username="reader")
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A block, and what makes an app of it.

    word: what stands in this block of the page and in no other. before, after: the text around it in app.py.
    files: further modules. site: the page that shows site.toml; None: a Django project.
    """

    name: str
    word: str
    before: str = ""
    after: str = ""
    kind: Kind = "wsgi"
    files: Mapping[str, str] = field(default_factory=dict)
    site: str | None = None


def django(name: str, word: str, after: str) -> Page:
    files = {"page_settings.py": DJANGO_SETTINGS, "signed_in.py": SIGNED_IN}
    return Page(name, word, DJANGO, after, files=files)


def integrate(name: str) -> str:
    return f"docs/integrate/{name}.md"


BASICS = integrate("basics")
LOGIN = {"flask_login.py": FLASK_LOGIN}
PAGES = [
    Page(
        integrate("wsgi"),
        "# app.py",
        PLAIN,
        'document_of = lambda environ: found(environ["PATH_INFO"])',
        site=BASICS,
    ),
    Page(
        integrate("asgi"),
        "# app.py",
        PLAIN,
        'async def document_of(scope):\n    return found(scope["path"])',
        kind="asgi",
        site=BASICS,
    ),
    django(integrate("drf"), "# views.py", 'urlpatterns = [path("files/<int:pk>", Download.as_view())]'),
    django(integrate("ninja"), "# api.py", 'urlpatterns = [path("", api.urls)]'),
    django("README.md", "request.user.document_set", 'urlpatterns = [path("files/<int:pk>", download)]'),
    django("docs/index.md", "# views.py", 'urlpatterns = [path("files/<int:pk>", download)]'),
    Page("docs/index.md", "# app.py for Flask", files=LOGIN, site=BASICS),
    Page("docs/index.md", "# app.py for FastAPI", FASTAPI, kind="asgi", site=BASICS),
]


def block(page: str, word: str) -> str:
    """The one block of a page that holds `word`."""
    [found] = [code for _, code in FENCE.findall(text(ROOT / page)) if word in code]
    return found


def write(page: Page, folder: Path) -> None:
    """Write the app into `folder`."""
    parts = [page.before, block(page.name, page.word), page.after]
    files = {"app.py": "\n".join(parts), **page.files}
    if page.site:
        site = own_secret(block(page.site, "[origins.documents]"))
        # The page is for an NGINX of the system, and here it runs in a folder of its own.
        files["site.toml"] = site.replace('"/var/log/xaccel/transfers.log"', '"xaccel.log"')
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
