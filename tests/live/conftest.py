"""The live stack: one app, one S3 server, two recording origins and a directory, behind each NGINX variant."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.client import Reply, ask, send_target
from tests.servers.origin import Answer

if TYPE_CHECKING:
    from tests.servers.origin import Origin
    from xaccel.site import Site
    from xaccel.tools.nginx import Nginx
    from xaccel_testing import AppServer, NginxServer, S3Server, Variant

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Places:
    """Where the files of the live tests are."""

    bucket: str
    other_bucket: str
    s3: S3Server
    origin: Origin
    second_origin: Origin
    tls_origin: Origin
    media: Path
    settings: dict[str, Any] = field(repr=False)

    @property
    def site(self) -> Site:
        from xaccel.site import read_mapping

        return read_mapping.read(self.settings)


@dataclass
class Live:
    """One NGINX with everything behind it."""

    variant: Variant
    nginx: NginxServer
    places: Places
    app: AppServer
    mark: str = ""

    def get(
        self,
        origin: str | None,
        key: str | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
        body: bytes | None = None,
        url: str | None = None,
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Reply:
        """Ask the app for a download and return what came through NGINX."""
        asked = {
            "origin": origin,
            "key": key,
            "url": url,
            "options": {"subject": self.mark, **(options or {})},
            **more,
        }
        return ask(self.nginx.port, send_target(asked), method, headers, body)

    def logged(self, *args: Any, **more: Any) -> tuple[Reply, dict[str, Any]]:
        """Ask as `get` does, and return the reply and the log entry."""
        replies: list[Reply] = []
        (line,) = self.new_lines(lambda: replies.append(self.get(*args, **more)))
        return replies[0], line

    def new_lines(self, action: Callable[[], Any]) -> list[dict[str, Any]]:
        """The JSON lines of the downloads that `action` asks for, found by a subject of their own."""
        self.mark = secrets.token_hex(8)
        action()
        found = self.nginx.lines(1, containing=f'"subject":"{self.mark}"')
        self.mark = ""
        return found


def versioned(bucket: str) -> str:
    """The bucket beside `bucket` that keeps versions."""
    return f"{bucket}-versioned"


def site_settings(
    s3: S3Server, buckets: tuple[str, str], origins: tuple[Origin, Origin, Origin], media: Path
) -> dict[str, Any]:
    """settings.XACCEL of the live tests."""
    (bucket, other_bucket), (origin, second_origin, tls_origin) = buckets, origins
    s3_origin = partial(s3.origin, bucket=bucket)

    def http_origin(base_url: str, **options: Any) -> dict[str, Any]:
        return {"type": "http", "base_url": base_url, **options}

    named = f"http://{s3.domain}:{s3.address.rpartition(':')[2]}"
    return {
        "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
        "ORIGINS": {
            "documents": s3_origin(),
            "vhost": s3_origin(endpoint_url=named, addressing_style="virtual", connect_to=[s3.address]),
            "prefixed": s3_origin(prefix="tenant-a/"),
            "hides": s3_origin(endpoint_url=origin.url, treat_403_as_404=True),
            "versioned": s3_origin(bucket=versioned(bucket), request_payer=True),
            "versioned-cached": s3_origin(bucket=versioned(bucket), cache=True),
            "cached": s3_origin(cache=True),
            "tenants": s3_origin(bucket="live-*", cache=True),
            "tenants-vhost": s3_origin(
                bucket="live-*", endpoint_url=named, addressing_style="virtual", connect_to=[s3.address]
            ),
            "cached-other": s3_origin(bucket=other_bucket, cache=True),
            "partner": http_origin(
                f"{origin.url}/files/",
                request_headers={"Authorization": "Bearer partner", "X-Api-Key": "k"},
                redirect_hosts=[second_origin.address],
            ),
            "partner-cached": http_origin(f"{origin.url}/files/", cache=True),
            "tls": http_origin(**tls_origin.tls_options()),
            "tls-wrong-ca": http_origin(
                f"https://origin.test:{tls_origin.port}/", connect_to=[tls_origin.address]
            ),
            "tls-wrong-name": http_origin(
                **{**tls_origin.tls_options(), "base_url": f"https://other.test:{tls_origin.port}/"}
            ),
            "media": {"type": "local", "root": str(media)},
        },
        "RESPONSE_HEADERS": ["X-Robots-Tag", "Access-Control-Allow-Origin", "Cross-Origin-Resource-Policy"],
        "CACHE": {"path": "cache", "max_size": "64m", "slice": "1k"},
        "CONCURRENCY": {"default": 3, "guests": 1},
    }


@pytest.fixture(scope="session")
def places(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    from tests.servers.origin import origin_server

    folder = tmp_path_factory.mktemp("places")
    for name in ("media", "tls"):
        (folder / name).mkdir()
    bucket, other = (f"live-{secrets.token_hex(4)}" for _ in range(2))
    for name in (bucket, other, versioned(bucket)):
        s3.create_bucket(name)
    s3.client().put_bucket_versioning(Bucket=versioned(bucket), VersioningConfiguration={"Status": "Enabled"})
    with (
        origin_server(fine) as origin,
        origin_server(fine) as second,
        origin_server(fine, tls_directory=folder / "tls") as tls_origin,
    ):
        settings = site_settings(s3, (bucket, other), (origin, second, tls_origin), folder / "media")
        yield Places(bucket, other, s3, origin, second, tls_origin, folder / "media", settings)


def fine(_: Any) -> Any:
    """What the recording origins answer unless a test wants something else."""

    return Answer(headers=[("Content-Type", "text/plain"), ("ETag", '"fine"')], body=b"from the origin")


@pytest.fixture(autouse=True)
def _fresh_origins(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "places" in request.fixturenames or "live" in request.fixturenames:
        places = request.getfixturevalue("places")
        for origin in (places.origin, places.second_origin, places.tls_origin):
            origin.answer = fine
            origin.requests.clear()


@contextmanager
def running_app(folder: Path, settings: dict[str, Any], **more: str) -> Iterator[AppServer]:
    """Run the app of the live tests with these settings. `more` are environment variables."""
    from xaccel_testing import app_server

    folder.mkdir(exist_ok=True)
    (folder / "site.json").write_text(json.dumps(settings))
    env = {
        "PATH": os.environ["PATH"],
        "LIVE_SITE": str(folder / "site.json"),
        "PYTHONPATH": str(ROOT),
    }
    with app_server(
        folder, "tests.live.decide:application", env={**env, **more}, cwd=ROOT, workers=1
    ) as server:
        yield server


@pytest.fixture(scope="session")
def app(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with running_app(tmp_path_factory.mktemp("app"), places.settings) as server:
        yield server


@cache
def build_of(variant: Variant) -> Nginx:
    """What the configuration of a variant may use. NGINX is asked once for each."""
    from xaccel.tools.nginx import probe

    return probe(variant.binary, njs=variant.njs, headers_more=False)


def config_text(site: Site, variant: Variant, app: str, port: int, **more: Any) -> str:
    """The whole configuration of a site on a loopback port, in front of the app at an address."""
    from xaccel.tools.nginx import standalone

    user = "root" if os.geteuid() == 0 else None
    return standalone(site, build_of(variant), listen=f"127.0.0.1:{port}", app=app, root_user=user, **more)


@pytest.fixture(scope="session")
def live(
    variant: Variant, places: Places, app: AppServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    from xaccel_testing import free_port, nginx_server

    port = free_port()
    text = config_text(places.site, variant, app.address, port)
    with nginx_server(
        tmp_path_factory.mktemp(variant.name), text, binary=variant.binary, ready_port=port
    ) as nginx:
        yield Live(variant, nginx, places, app)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put NGINX's own words under a failure."""
    outcome = yield
    report = outcome.get_result()
    live = getattr(item, "funcargs", {}).get("live")
    if report.when == "call" and report.failed and live is not None:
        report.sections.append(("NGINX's error log", live.nginx.error_log[-3000:]))


def cache_status(live: Live, origin: str, key: str, **options: str) -> tuple[str, bytes]:
    reply, line = live.logged(origin, key, options=options)
    assert reply.status == 200
    return line["cache"], reply.body
