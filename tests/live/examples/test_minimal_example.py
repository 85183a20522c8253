"""examples/minimal, as its README starts it: behind NGINX on a real bucket."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.examples.minimal_example import EXAMPLE, Browser, manage

if TYPE_CHECKING:
    from xaccel_testing import AppServer, S3Server, Variant

# Its commands and its pages are Python, whatever the build. test_upgrade has its downloads on two builds.
pytestmark = pytest.mark.variants("wheel-njs")

# one process for three commands, because each starts Django anew
SEED = """
from django.core.management import call_command
call_command("check", fail_level="WARNING")
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from documents.models import Document
for name in ("reader", "stranger"):
    User.objects.create_user(name, password=name)
document = Document(title='Minutes "final" 四半期')
document.file.save("minutes + 100%.pdf", ContentFile(b"%PDF- the minutes"))
document.readers.add(User.objects.get(username="reader"))
"""


@pytest.fixture(scope="session")
def environ(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    bucket = f"minimal-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    return {
        "DEBUG": "1",
        "DATABASE": str(tmp_path_factory.mktemp("minimal") / "minimal.sqlite3"),
        "S3_BUCKET": bucket,
        "S3_ENDPOINT": s3.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DJANGO_SETTINGS_MODULE": "settings",
    }


@pytest.fixture(scope="session")
def app(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The example with its document, for all variants."""
    from xaccel_testing import app_server

    manage(environ, "shell", "-c", SEED)
    wsgi = "django.core.wsgi:get_wsgi_application()"
    with app_server(
        tmp_path_factory.mktemp("minimal-app"), wsgi, env=environ, cwd=EXAMPLE, workers=1
    ) as server:
        yield server


@pytest.fixture
def url(environ: dict[str, str], app: AppServer, variant: Variant, tmp_path: Path) -> Iterator[str]:
    from xaccel_testing import free_port, nginx_server

    port = free_port()
    shape = ["--standalone", "--nginx", variant.binary, "--listen", f"127.0.0.1:{port}", "--app", app.address]
    shape += [] if variant.njs else ["--without", "njs", "--without", "headers-more"]
    shape += ["--user", "root"] if os.geteuid() == 0 else []
    text = manage(environ, "xaccel", "config", *shape)
    with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
        yield nginx.url


def test_reader_gets_the_document_and_a_stranger_gets_404(url: str, environ: dict[str, str]) -> None:
    reader, stranger = Browser(url, "reader"), Browser(url, "stranger")
    listed = reader.get("/")
    assert b'href="/documents/1"' in listed[2]
    assert b"Nothing yet." in stranger.get("/")[2]

    status, headers, body = reader.get("/documents/1")
    assert (status, body) == (200, b"%PDF- the minutes")
    assert headers["Content-Disposition"].startswith("attachment;")
    assert "%E5%9B%9B%E5%8D%8A%E6%9C%9F.pdf" in headers["Content-Disposition"]

    refused = stranger.get("/documents/1")
    assert refused[0] == 404
    traces = [environ["S3_BUCKET"], environ["S3_ENDPOINT"], environ["AWS_ACCESS_KEY_ID"], "Signature"]
    received = json.dumps([repr(answer) for answer in (listed, (status, headers, body))])
    assert not [trace for trace in traces if trace in received]
