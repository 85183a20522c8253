"""A whole site on real servers, whose files, processes and settings a test can break."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import trustme

from tests.live.client import send_target
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.site import read_mapping
from xaccel.tools.cli import doctor, main
from xaccel.tools.nginx import probe
from xaccel.tools.nginx.digest import digest_path
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from xaccel.tools.doctor.check import Finding
    from xaccel_testing import AppServer, NginxServer, S3Server, Variant

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789-abcdefghijklmnopqrstuvwxyz"
SESSION = "the-session-of-an-operator"
BODY = b"a report of the year, word for word\n" * 20
KEY = "reports/2026.txt"
HSTS = "max-age=31536000"
_printed = doctor.printed
TEMPORARY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")


@dataclass
class Backends:
    """What all stages of a run share: the S3 server with one object, and the app."""

    s3: S3Server
    bucket: str
    app: AppServer
    folder: Path


def s3_origin(backends: Backends, **options: Any) -> dict[str, Any]:
    return backends.s3.origin(**{"bucket": backends.bucket, "cache": True, **options})


@dataclass
class Stage:
    """One site. `settings` are those of site.json; `config` is nginx.conf."""

    folder: Path
    variant: Variant
    backends: Backends
    partner: Origin
    port: int
    settings: dict[str, Any]
    stack: ExitStack
    nginx: NginxServer | None = None
    arguments: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    program: str = ""
    user: int = 0
    results: tuple[Finding, ...] = ()
    printed: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def file(self, name: str) -> Path:
        return self.folder / name

    # What breaks it

    def edit(self, name: str, old: str, new: str, *, reload: bool = True) -> None:
        """Replace a text in a file, and reload NGINX. `{folder}`, `{app}` and `{port}` are those of the site."""
        path = self.file(name)
        text = path.read_text()
        for word, value in (("folder", self.folder), ("app", self.backends.app.address), ("port", self.port)):
            old, new = (each.replace(f"{{{word}}}", str(value)) for each in (old, new))
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new))
        if reload:
            self.reload()

    def change(self, *, generate: bool = True, reload: bool = True, **settings: Any) -> None:
        """Change settings of the site; generate NGINX's files, and reload."""
        self.settings.update(settings)
        self.file("site.json").write_text(json.dumps(self.settings))
        if generate:
            self.generate()
        if generate and reload:
            self.reload()

    def origin(self, name: str, *, generate: bool = True, reload: bool = True, **options: Any) -> None:
        """Change options of an origin, or add one."""
        known = self.settings["ORIGINS"].get(name, {})
        origins = {**self.settings["ORIGINS"], name: {**known, **options}}
        self.change(generate=generate, reload=reload, ORIGINS=origins)

    def storage(self, answer: Callable[[Request], Answer]) -> Origin:
        """Add the origin `archive`: a bucket in a storage that answers what a test wants."""
        server = self.stack.enter_context(origin_server(answer))
        self.origin(
            "archive", **s3_origin(self.backends, endpoint_url=server.url, bucket="archive", cache=False)
        )
        return server

    def tls(self, *, names: tuple[str, ...] = ("partner.test",), **certificate: Any) -> None:
        """Let the origin `partner` be one with another certificate of the same authority."""
        authority = trustme.CA()
        made = authority.issue_cert(*names, **certificate)
        authority.cert_pem.write_to_path(str(self.file("ca.pem")))
        self.partner_at(self.stack.enter_context(tls_origin(self.folder / "tls2", made.configure_cert)))

    def partner_at(self, origin: Origin) -> None:
        self.origin("partner", base_url=f"https://partner.test:{origin.port}/", connect_to=[origin.address])

    def front(self, lines: str, before: str = "", largest: str = "0") -> None:
        """Put a proxy before NGINX, as a CDN is, and let the doctor ask that one.

        before: lines of http { }. largest: body that it takes; "0": any.
        """
        port = free_port()
        server = (
            f"server {{ listen 127.0.0.1:{port}; client_max_body_size {largest}; proxy_request_buffering off;"
            f" location / {{ proxy_pass {self.url}; proxy_set_header Host"
        )
        rest = f"$http_host; proxy_set_header Accept-Encoding $http_accept_encoding; {lines} }} access_log off; }}"
        self.edit("nginx.conf", "# more servers", f"{before} {server} {rest}")
        self.arguments["--url"] = f"http://127.0.0.1:{port}"

    def generate(self) -> None:
        words = ["--write", str(self.folder / "xaccel"), *self.program_words()]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main(["config", str(self.file("site.json")), *words]) == 0

    def reload(self) -> None:
        """Reload NGINX. A configuration that it refuses is not in force then, as on a real machine."""
        if self.nginx is not None:
            with contextlib.suppress(Exception):
                self.nginx.reload(self.file("nginx.conf").read_text(), timeout_s=60)

    def stop(self) -> None:
        assert self.nginx is not None
        self.nginx.server.signal(signal.SIGTERM)
        assert wait_until(lambda: not self.nginx or self.nginx.server.exit_status is not None, timeout_s=60)

    # The doctor

    def program_words(self) -> list[str]:
        options = [f"--nginx-option={word}" for word in (f"-p{self.folder}/", "-cnginx.conf", "-estderr")]
        without = [] if self.variant.njs else ["--without=njs"]
        return ["--nginx", self.program or self.variant.binary, *options, *without, "--without=headers-more"]

    def doctor(self, *words: str) -> tuple[int, str]:
        """Run the doctor; return its exit status and what it prints."""
        given = {
            "--url": self.url,
            "--download": download(),
            "--header": f"Cookie: session={SESSION}",
            "--object": f"documents/{KEY}",
            **self.arguments,
        }
        more = [word for name, value in given.items() if value for word in (name, value)]
        more += self.flags
        printed = io.StringIO()
        before = os.geteuid()
        with contextlib.redirect_stdout(printed), patch.object(doctor, "printed", self._recorded):
            try:
                os.seteuid(self.user or before)
                status = main(["doctor", str(self.file("site.json")), *self.program_words(), *more, *words])
            except SystemExit as end:
                status = int(end.code or 0)
            finally:
                os.seteuid(before)
        self.printed = printed.getvalue()
        return status, self.printed

    def _recorded(self, results: tuple[Finding, ...], form: str, **more: bool) -> str:
        self.results = results
        return _printed(results, form, **more)

    def leaks(self) -> list[str]:
        """Return which secrets the doctor printed of the last results as JSON, and would print in any other form."""
        texts = [self.printed, *(_printed(self.results, form) for form in ("report", "all"))]
        s3 = self.backends.s3
        origins = {"media": {"type": "local", "root": "/srv"}}
        paths = [
            digest_path(read_mapping.read({"SECRET": secret, "ORIGINS": origins}))
            for secret in (SECRET, SECRET[::-1])
        ]
        live = [SECRET, SECRET[::-1], SESSION, s3.secret_key, s3.access_key, "Bearer", "Signature=", *paths]
        return [secret for secret in live if any(secret in text for text in texts)]

    def found(self, *words: str) -> dict[str, str]:
        """Return what is not fine, by id: the status."""
        _, printed = self.doctor("--json", *words)
        return {
            one["id"]: one["status"]
            for one in json.loads(printed)["results"]
            if one["status"] in ("fail", "warn", "unknown") and one["hidden_by"] is None
        }


def download(key: str = KEY, origin: str = "documents", **options: Any) -> str:
    if origin == "documents":
        options = {"cache_version": "v1", **options}
    return send_target({"origin": origin, "key": key, "session": SESSION, "options": options})


@contextmanager
def tls_origin(folder: Path, prepare: Callable[[ssl.SSLContext], None] | None = None) -> Iterator[Origin]:
    folder.mkdir(exist_ok=True)

    def answer(request: Request) -> Answer:
        granted = request.header("Authorization") == "Bearer partner"
        return Answer(200 if granted else 401, [("ETag", '"p"')], b"of the partner")

    with origin_server(answer, tls_directory=folder, names=("partner.test",), prepare_tls=prepare) as origin:
        yield origin


@contextmanager
def stage(folder: Path, variant: Variant, backends: Backends) -> Iterator[Stage]:
    """Run a healthy site in `folder`, which NGINX's workers can enter."""
    from xaccel_testing import nginx_server

    with ExitStack() as stack:
        partner = stack.enter_context(tls_origin(folder / "tls"))
        for name in ("media", "log", "var", "var/cache"):
            (folder / name).mkdir()
        (folder / "media" / "a.txt").write_text("a")
        (folder / "missing.html").write_text("<p>Not here.</p>")
        shutil.copy(partner.ca_file or "", folder / "ca.pem")
        made = Stage(
            folder, variant, backends, partner, free_port(), _settings(folder, backends, partner), stack
        )
        made.file("site.json").write_text(json.dumps(made.settings))
        made.file("nginx.conf").write_text(f"{_loads(made)} events {{ }} http {{ }}")
        made.generate()
        text = _config(made)
        made.nginx = stack.enter_context(
            nginx_server(folder, text, binary=variant.binary, ready_port=made.port, line_log="log/xaccel.log")
        )
        folder.chmod(0o755)
        yield made


def _settings(folder: Path, backends: Backends, partner: Origin) -> dict[str, Any]:
    return {
        "SECRET": SECRET,
        "ORIGINS": {
            "documents": s3_origin(backends),
            "partner": {
                "type": "http",
                "base_url": f"https://partner.test:{partner.port}/",
                "connect_to": [partner.address],
                "ca_file": str(folder / "ca.pem"),
                "request_headers": {"Authorization": "Bearer partner"},
            },
            "media": {"type": "local", "root": str(folder / "media")},
        },
        "CACHE": {"path": str(folder / "var/cache"), "max_size": "64m"},
        "CONCURRENCY": {"default": 8},
        "TRANSFER_LOG": str(folder / "log/xaccel.log"),
        "ACCESS_LOGS": [f"{folder}/log/access.log combined"],
        "ADD_HEADERS": [["Strict-Transport-Security", HSTS]],
        "ERROR_PAGES": {404: str(folder / "missing.html")},
        "ARCHIVES": {
            "app": backends.app.address,
            "listen": f"127.0.0.1:{free_port()}",
            "log": str(folder / "log/members.log"),
            "layouts": str(backends.folder / "layouts"),
        },
        "UPLOADS": {
            "app": backends.app.address,
            "listen": f"127.0.0.1:{free_port()}",
            "paths": ["/received/"],
            "origins": ["documents"],
        },
        "ALLOW_WITHOUT_NJS": True,
    }


def _loads(made: Stage) -> str:
    build = probe(made.variant.binary, njs=made.variant.njs, headers_more=False)
    return "".join(f"load_module {path};\n" for path in build.load_modules)


def _config(made: Stage) -> str:
    """An operator's own nginx.conf."""
    temporary = " ".join(f"{kind}_temp_path tmp/{kind};" for kind in TEMPORARY)
    return f"""{_loads(made)}{"user www-data;" if os.geteuid() == 0 else ""}
pid nginx.pid; daemon off; error_log error.log warn;
events {{ }}
http {{
    {temporary}
    access_log {made.folder}/log/access.log combined;
    variables_hash_max_size 16384;
    include {made.folder}/xaccel/http.conf;
    server {{
        listen 127.0.0.1:{made.port};
        add_header Strict-Transport-Security "{HSTS}" always;
        include {made.folder}/xaccel/site/server.conf;
        location / {{
            proxy_pass http://{made.backends.app.address};
            proxy_set_header Host $http_host;
            include {made.folder}/xaccel/app.conf;
        }}
    }}
    # more servers
}}
"""
