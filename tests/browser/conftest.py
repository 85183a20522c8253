"""Chromium, and a project behind each NGINX variant for it to look at."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.browser.axe import AXE
from tests.browser.firefox import Firefox, firefox
from tests.browser.opened_files import OPENED
from tests.browser.people import signed_in
from tests.demo.running import running_here
from tests.live.client import Reply, ask, send_target
from tests.live.conftest import config_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from portal.demo.stack import Stack
    from tests.live.uploads.scene import Scene
    from tests.servers.origin import Origin
    from xaccel_testing import AppServer, NginxServer, S3Server, Variant

REQUEST_ID = "an-id-of-the-project"
ROOT = Path(__file__).resolve().parents[2]
LARGE_BYTES = 3_000_000
"""The demo's largest file is 300 MB, which shows nothing more here."""
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium(unavailable: Callable[[str], NoReturn]) -> Iterator[Browser]:
    """Run Chromium. Meanwhile Django sees asynchronous code and refuses its database, and asyncio.run fails."""
    program = shutil.which("chromium")
    if program is None:
        unavailable("chromium is not installed: run scripts/system")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def browser(unavailable: Callable[[str], NoReturn]) -> Iterator[Browser]:
    with chromium(unavailable) as launched:
        yield launched


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for the tests of a module: another one takes a processor 0.4 s."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    context.set_default_timeout(60_000)
    # while it is open, another page needs no new window
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """A page without cookies."""
    opened = profile.new_page()
    yield opened
    opened.close()
    profile.clear_cookies()


@pytest.fixture(scope="package")
def axe(unavailable: Callable[[str], NoReturn]) -> str:
    if not AXE.exists():
        unavailable("axe-core is not installed: run scripts/azurite")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="package")
def fox(
    unavailable: Callable[[str], NoReturn], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firefox]:
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        unavailable("firefox-esr is not installed: run scripts/system")
    with firefox(program, tmp_path_factory.mktemp("firefox")) as running:
        yield running


class Chromium:
    """What Playwright starts, with the methods of Firefox."""

    def __init__(self, page: Page) -> None:
        page.set_default_timeout(60_000)
        self._page = page

    def open(self, url: str) -> None:
        self._page.goto(url)

    def choose(self, selector: str, files: list[Path]) -> None:
        self._page.set_input_files(selector, files)

    def evaluate(self, expression: str) -> Any:
        return self._page.evaluate(expression)


Window = Chromium | Firefox


@pytest.fixture(params=["chromium", "firefox"])
def window(request: pytest.FixtureRequest) -> Window:
    """Each test runs in both browsers."""
    fox: Firefox | None = request.getfixturevalue("fox") if request.param == "firefox" else None
    return fox or Chromium(request.getfixturevalue("page"))


@pytest.fixture(scope="package")
def bucket(s3: S3Server) -> str:
    """Holds the files that tests open."""
    name = f"browser-{secrets.token_hex(4)}"
    s3.create_bucket(name)
    for file in OPENED.values():
        s3.put(name, file.key, file.content(), file.content_type)
    return name


@pytest.fixture(scope="package")
def upload_site(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A site that takes uploads, also in parts, with a page that sends them."""
    from tests.browser.upload_page import served
    from tests.live.uploads.scene import scene

    folder = tmp_path_factory.mktemp("uploads")
    uploads = {"resumable": "draft-15", "part_size": "5m"}
    with scene(folder, variant, s3, uploads=uploads, extra_server=served(folder)) as running:
        yield running


@pytest.fixture(scope="package")
def elsewhere() -> Iterator[Origin]:
    """An empty page on another origin: another port of the same host."""
    from tests.servers.origin import Answer, origin_server

    with origin_server(
        lambda _: Answer(
            headers=[("Content-Type", "text/html")], body=b"<!doctype html><title>elsewhere</title>"
        )
    ) as server:
        yield server


@dataclass
class Project:
    """The settings of a running project, and where it runs."""

    settings: dict[str, Any]
    app: AppServer


@dataclass
class Shown:
    """A project behind NGINX."""

    variant: Variant
    nginx: NginxServer

    def url(self, key: str, *, view: str = "send", **options: Any) -> str:
        """The address at which a browser gets this file."""
        return self.nginx.url + self.target(key, view=view, **options)

    def target(self, key: str, *, view: str = "send", **options: Any) -> str:
        return send_target({"key": key, "options": options}).replace("/send", f"/{view}", 1)

    def ask(self, target: str, method: str = "GET", headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """The same without a browser."""
        return ask(self.nginx.port, target, method, headers)


@contextmanager
def running_project(
    folder: Path, s3: S3Server, bucket: str, elsewhere: Origin, *, middleware: bool
) -> Iterator[Project]:
    from xaccel_testing import app_server

    settings = {
        "SECRET": "browser-0123456789-abcdefghijklmnopqrstuvwxyz",
        "ORIGINS": {"documents": s3.origin(bucket)},
        "RESPONSE_HEADERS": [
            "Access-Control-Allow-Origin",
            "Access-Control-Allow-Credentials",
            "Access-Control-Expose-Headers",
            "Strict-Transport-Security",
            "Referrer-Policy",
            "Vary",
            "X-Request-Id",
        ],
    }
    (folder / "site.json").write_text(json.dumps(settings))
    env = {
        "BROWSER_SITE": str(folder / "site.json"),
        "BROWSER_ORIGIN": elsewhere.url,
        "BROWSER_MIDDLEWARE": "yes" if middleware else "no",
        "BROWSER_REQUEST_ID": REQUEST_ID,
        "PYTHONPATH": str(ROOT),
    }
    with app_server(folder, "tests.browser.project:application", env=env, cwd=ROOT, workers=1) as app:
        yield Project(settings, app)


@contextmanager
def behind_nginx(project: Project, variant: Variant, folder: Path) -> Iterator[Shown]:
    from xaccel.site import read_mapping
    from xaccel_testing import free_port, nginx_server

    port = free_port()
    text = config_text(read_mapping.read(project.settings), variant, project.app.address, port)
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield Shown(variant, nginx)


@pytest.fixture(scope="package")
def project(
    s3: S3Server, bucket: str, elsewhere: Origin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with running_project(
        tmp_path_factory.mktemp("project"), s3, bucket, elsewhere, middleware=True
    ) as running:
        yield running


@pytest.fixture(scope="package")
def bare_project(
    s3: S3Server, bucket: str, elsewhere: Origin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The same without HandOffMiddleware."""
    with running_project(tmp_path_factory.mktemp("bare"), s3, bucket, elsewhere, middleware=False) as running:
        yield running


@pytest.fixture(scope="package")
def shown(project: Project, variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with behind_nginx(project, variant, tmp_path_factory.mktemp(variant.name)) as running:
        yield running


@pytest.fixture(scope="package")
def shown_bare(
    bare_project: Project, variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shown]:
    with behind_nginx(bare_project, variant, tmp_path_factory.mktemp(variant.name)) as running:
        yield running


@pytest.fixture(scope="package")
def portal(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo, as scripts/demo runs it."""
    from xaccel_testing import free_port

    folder = tmp_path_factory.mktemp("portal")
    with running_here(folder, variant.binary, port=free_port(), large_bytes=LARGE_BYTES) as stack:
        yield stack


@pytest.fixture
def alice(portal: Stack, page: Page) -> Page:
    """Her list of files, after she signed in."""
    return signed_in(portal, page, "alice")
