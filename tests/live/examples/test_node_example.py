"""examples/node: it does what every test vector says, and sends files through a real NGINX from a real bucket."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from browser_download_filename import suggested_filename

from examples.run_node import node_app, node_nginx, write_site
from tests.live.client import Reply, ask
from tests.live.examples import node

if TYPE_CHECKING:
    from xaccel_testing import NginxServer, S3Server, Variant

# the vectors have the same hand-off for every build
pytestmark = pytest.mark.variants("deb", "wheel-njs")

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "node"
VECTORS = json.loads((ROOT / "docs/reference/vectors.json").read_text(encoding="ascii"))
CONTENT = b"%PDF- the minutes"


@pytest.fixture(scope="session", autouse=True)
def _node(unavailable: Callable[[str], NoReturn]) -> None:
    if reason := node.missing():
        unavailable(reason)


def passed_in(file: str) -> set[str]:
    """The names of the tests in a file of the example, all of which pass."""
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(EXAMPLE / file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    failed = re.findall(r"^ *not ok \d+ - (.*)$", done.stdout, re.MULTILINE)
    assert failed == []
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return {name.replace("\\", "") for name in re.findall(r"^ *ok \d+ - (.*)$", done.stdout, re.MULTILINE)}


def test_node_tells_the_mistakes_of_an_app_at_once() -> None:
    assert "an origin that nothing can sign for is an error at the start" in passed_in("mistakes.test.mjs")


def test_node_does_what_every_vector_says() -> None:
    passed = passed_in("vectors.test.mjs")
    names = {vector["name"] for vector in [*VECTORS["vectors"], *VECTORS["conditions"]]}
    assert names - passed == set()


def test_the_example_takes_nothing_but_the_standard_library() -> None:
    imported = {
        name
        for file in EXAMPLE.rglob("*.mjs")
        for name in re.findall(
            r'^\s*(?:import|\} from|import .* from) .*?"([^"]+)";$', file.read_text(), re.MULTILINE
        )
        if not name.startswith("./")
    }
    assert imported
    assert [name for name in imported if not name.startswith("node:")] == []
    assert [file for file in EXAMPLE.rglob("*") if file.name in ("package.json", "node_modules")] == []


@pytest.fixture(scope="session")
def bucket(s3: S3Server) -> str:
    name = f"node-{secrets.token_hex(4)}"
    s3.create_bucket(name)
    s3.put(name, "minutes + 100%.pdf", CONTENT, "application/pdf")
    return name


@pytest.fixture(scope="session")
def site(s3: S3Server, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("node"), s3, bucket)


@pytest.fixture(scope="session")
def app(s3: S3Server, site: Path) -> Iterator[str]:
    with node_app(site, s3) as address:
        yield address


@pytest.fixture
def nginx(app: str, site: Path, variant: Variant, tmp_path: Path) -> Iterator[NginxServer]:
    with node_nginx(tmp_path, site, variant, app) as server:
        yield server


def get(nginx: NginxServer, person: str = "", method: str = "GET", **headers: str) -> Reply:
    if person:
        headers["Authorization"] = f"Basic {b64encode(f'{person}:{person}'.encode()).decode()}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(nginx.port, "/documents/1", method, named)


def test_a_reader_gets_the_document_and_nobody_else_does(
    nginx: NginxServer, s3: S3Server, bucket: str
) -> None:
    whole = get(nginx, "reader")
    assert (whole.status, whole.body) == (200, CONTENT)
    assert suggested_filename(whole.headers, platform="posix") == "Minutes _final_ 四半期.pdf"
    assert (whole.one("ETag"), whole.one("Content-Type")) == ('"v1"', "application/pdf")

    part = get(nginx, "reader", Range="bytes=0-4", If_Range='"v1"')
    assert (part.status, part.body) == (206, CONTENT[:5])
    head = get(nginx, "reader", "HEAD")
    assert (head.status, head.one("Content-Length"), head.body) == (200, str(len(CONTENT)), b"")
    known = get(nginx, "reader", If_None_Match='"v1"')
    assert (known.status, known.one("ETag"), known.body) == (304, '"v1"', b"")

    refused = [get(nginx, "stranger"), get(nginx), get(nginx, "nobody"), get(nginx, "stranger", "HEAD")]
    assert [reply.status for reply in refused] == [404, 401, 401, 404]
    traces = [bucket, s3.endpoint, s3.access_key, "Signature", "Xaccel", "X-Accel"]
    seen = b"".join(reply.everything() for reply in [whole, part, head, known, *refused]).decode("latin-1")
    assert [trace for trace in traces if trace.lower() in seen.lower()] == []
    assert [line["subject"] for line in nginx.lines(at_least=3)] == ["reader"] * 3
