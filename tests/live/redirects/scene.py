"""An app that knows nothing of xaccel: it redirects to presigned URLs. NGINX follows, and the app is not changed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import get_session

from tests.live.client import Reply, ask
from tests.live.conftest import config_text
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.site import read_mapping
from xaccel_testing import NginxServer, S3Server, Variant, app_server, free_port, nginx_server
from xaccel_testing.servers.app import Kind
from xaccel_testing.servers.processes import wait_until

SECRET = "redirect-0123456789-abcdefghijklmnopqrstuvwxyz"
BODY = bytes(range(256)) * 256
KEY = "2026/an ü&b.bin"
APP_BODY = b"the response of the app"
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Scene:
    """NGINX, the app, a bucket and another one, and an HTTP server. page: how the app responds to a whole path."""

    s3: S3Server
    bucket: str
    other: str
    partner: Origin
    app: Origin
    port: int
    signs: Any
    mapping: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, Callable[[Request], Answer]] = field(default_factory=dict)
    nginx: NginxServer = field(init=False)

    def url(self, key: str = KEY, method: str = "GET", bucket: str = "", **asked: str) -> str:
        """A presigned URL, as an SDK makes it by version 4."""
        place = {"Bucket": bucket or self.bucket, "Key": key, **asked}
        made: str = self.signs.generate_presigned_url(f"{method.lower()}_object", place, ExpiresIn=300)
        return made

    def redirects(self, location: str, *headers: tuple[str, str], status: int = 302) -> None:
        """Let the app respond to /files/a with this redirect."""
        self.pages["/files/a"] = lambda _: Answer(status=status, headers=[("Location", location), *headers])

    def ask(self, path: str = "/files/a", method: str = "GET", **more: Any) -> Reply:
        return ask(self.port, path, method, **more)

    def answer(self, request: Request) -> Answer:
        if said := request.header("X-Answer"):  # as tests/live/redirects/apps.py has it
            status, headers = json.loads(said)
            return Answer(status, [*map(tuple, headers)], APP_BODY)
        page = self.pages.get(request.target)
        return page(request) if page else Answer(status=404, body=b"no such page")

    def entries(self, count: int) -> list[dict[str, Any]]:
        """The log entries, once there are so many."""
        assert wait_until(lambda: len(self.nginx.lines(containing='"v":1')) >= count, timeout_s=30)
        return self.nginx.lines(containing='"v":1')


def _client(s3: S3Server) -> Any:
    """A client that signs URLs by version 4: for an endpoint of its own, botocore takes version 2 by default."""
    return get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


@contextmanager
def scene(
    folder: Path, variant: Variant, s3: S3Server, *, site: Mapping[str, Any] = {}, **options: Any
) -> Iterator[Scene]:
    """Run NGINX for a site with redirects below /files/; options are those of REDIRECTS."""
    bucket, other = (f"{name}-{secrets.token_hex(4)}" for name in ("redirects", "other"))
    for name in (bucket, other):
        s3.create_bucket(name)
        s3.put(name, KEY, BODY, "application/x-ours")
    with (
        origin_server(lambda _: Answer(body=BODY, headers=[("Content-Type", "text/plain")])) as partner,
        origin_server(lambda request: made.answer(request)) as app,  # noqa: PLW0108 - made is assigned below
    ):
        made = Scene(s3, bucket, other, partner, app, free_port(), _client(s3))
        named = {
            "app": app.address,
            "listen": f"127.0.0.1:{free_port()}",
            "paths": ["/files/"],
            "subject": "X-User",
        }
        made.mapping = {
            "SECRET": SECRET,
            "ORIGINS": {
                "documents": s3.origin(bucket),
                "partner": {"type": "http", "base_url": f"{partner.url}/shared/"},
            },
            "ALLOW_WITHOUT_NJS": True,
            "REDIRECTS": {
                **named,
                "origins": ["documents", "partner"],
                "allow_unsigned": ["partner"],
                **options,
            },
            **site,
        }
        text = config_text(read_mapping.read(made.mapping), variant, app.address, made.port)
        with nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=made.port) as nginx:
            made.nginx = nginx
            yield made


@contextmanager
def in_the_app(folder: Path, variant: Variant, of: Scene, name: str) -> Iterator[Scene]:
    """Run NGINX and an app of apps.py with RedirectMiddleware, for the site of a scene in which NGINX follows."""
    left = {
        key: value for key, value in of.mapping["REDIRECTS"].items() if key not in ("app", "paths", "listen")
    }
    mapping = {**of.mapping, "REDIRECTS": left, "LOG_DECISIONS": True}
    module, made = "tests.live.redirects.apps", replace(of, port=free_port(), mapping=mapping)
    kind: Kind = "aiohttp" if name == "aiohttp" else "asgi" if name.startswith("a") else "wsgi"
    env = {"REDIRECTS_SITE": json.dumps(mapping)}
    with app_server(folder / "app", f"{module}:{name}", env=env, cwd=ROOT, workers=1, kind=kind) as app:
        text = config_text(read_mapping.read(mapping), variant, app.address, made.port)
        with nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=made.port) as nginx:
            made.nginx = nginx
            yield made
