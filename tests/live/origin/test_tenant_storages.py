"""Files of django-tenants: each tenant gets its own, from one worker, also when many ask at once."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.live.conftest import config_text
from tests.live.origin.emulators import ROOT
from tests.servers.postgres import postgres_server
from tests.servers.started import started
from xaccel.site import read_mapping
from xaccel_testing import AppServer, NginxServer, app_server, free_port, nginx_server

if TYPE_CHECKING:
    from xaccel_testing import S3Server, Variant

# Python chooses the place; NGINX sees a path or a signed URL as of any other origin.
pytestmark = pytest.mark.variants("deb")
TENANTS = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def project(
    s3: S3Server, tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[dict[str, Any]]:
    """The settings of a project whose tenants have a file each in the directory and in a bucket of their own."""
    folder = tmp_path_factory.mktemp("tenants")
    prefix = f"tenants-{secrets.token_hex(4)}"
    for name in TENANTS:
        s3.create_bucket(f"{prefix}-{name}")
    keys = {"access_key": s3.access_key, "secret_key": s3.secret_key}
    pattern = s3.origin(f"{prefix}-*")
    with started(postgres_server(folder / "db"), unavailable) as database:
        given = {
            "tenants": TENANTS,
            "database": {"NAME": "postgres", "USER": database.env["PGUSER"], "HOST": database.env["PGHOST"]},
            "media": str(folder / "media"),
            "s3": {
                "endpoint_url": s3.endpoint,
                "region_name": "us-east-1",
                "addressing_style": "path",
                **keys,
            },
            "bucket_of": f"{prefix}-{{}}",
            "xaccel": {
                "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
                "ORIGINS": {"media": {"type": "local", "root": str(folder / "media")}, "buckets": pattern},
            },
        }
        (folder / "given.json").write_text(json.dumps(given))
        given["env"] = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LIVE_TENANTS": str(folder / "given.json"),
        }
        command = [sys.executable, "-m", "tests.live.origin.tenancy.app"]
        subprocess.run(command, env=given["env"], cwd=ROOT, check=True, timeout=60)
        yield given


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def app(
    request: pytest.FixtureRequest, project: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppServer]:
    """One worker, new: the first request of each kind of server decides nothing for the later ones."""
    options: Any = {"kind": "asgi"} if request.param == "asgi" else {"threads": 8}
    with app_server(
        tmp_path_factory.mktemp(request.param),
        f"tests.live.origin.tenancy.app:{request.param}",
        env=project["env"],
        cwd=ROOT,
        workers=1,
        **options,
    ) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(
    variant: Variant, project: dict[str, Any], app: AppServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NginxServer]:
    port = free_port()
    text = config_text(read_mapping.read(project["xaccel"]), variant, app.address, port)
    folder = tmp_path_factory.mktemp(f"tenants-{variant.name}")
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as server:
        yield server


def got(nginx: NginxServer, view: str, field: str, tenant: str) -> tuple[int, bytes]:
    with closing(HTTPConnection("127.0.0.1", nginx.port, timeout=60)) as connection:
        connection.request("GET", f"/{view}/{field}", headers={"Host": f"{tenant}.test"})
        response = connection.getresponse()
        return response.status, response.read()


@pytest.mark.parametrize("field", ["file", "scan"])
@pytest.mark.parametrize("view", ["send", "asend"])
def test_each_tenant_gets_what_django_reads(nginx: NginxServer, view: str, field: str) -> None:
    for tenant in (*TENANTS, *TENANTS[::-1]):
        own = (200, f"{field} of {tenant}".encode())
        assert got(nginx, "read", field, tenant) == own
        assert got(nginx, view, field, tenant) == own


@pytest.mark.parametrize("field", ["file", "scan"])
@pytest.mark.parametrize("view", ["send", "asend"])
def test_many_at_once_get_their_own(nginx: NginxServer, view: str, field: str) -> None:
    asked = [TENANTS[number % 3] for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda tenant: got(nginx, view, field, tenant), asked))
    assert replies == [(200, f"{field} of {tenant}".encode()) for tenant in asked]


def test_an_origin_that_names_the_storage_is_refused_at_start(
    project: dict[str, Any], tmp_path: Path
) -> None:
    """NGINX and the app would each get the directory of `public`, or of any tenant that is current."""
    given = json.loads(Path(project["env"]["LIVE_TENANTS"]).read_text())
    given["xaccel"]["ORIGINS"]["media"] = {"storage": "default"}
    (tmp_path / "given.json").write_text(json.dumps(given))
    script = """
import tests.live.origin.tenancy.app
from django.core.management import call_command
call_command("xaccel", "config")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**project["env"], "LIVE_TENANTS": str(tmp_path / "given.json")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    said = '"media"]["storage"]: django_tenants.files.storage.TenantFileSystemStorage computes base_location, location'
    assert said in done.stderr
    assert '"type": "local"' in done.stderr
