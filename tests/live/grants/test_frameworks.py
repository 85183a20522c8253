"""A folder in a bucket, granted by a framework's own server: NGINX requests the signatures from its middleware."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Literal

import pytest

from tests.conftest import on_one_build
from tests.live.client import ask
from tests.live.conftest import ROOT, config_text
from tests.live.grants.scene import segment
from xaccel.site import read_mapping
from xaccel_testing import S3Server, Variant, app_server, free_port, nginx_server

pytestmark = on_one_build
KINDS: dict[str, Literal["wsgi", "asgi"]] = {"django": "wsgi", "starlette": "asgi"}


@pytest.mark.parametrize("framework", KINDS)
def test_segments_in_a_bucket_are_one_decision(
    variant: Variant, s3: S3Server, tmp_path: Path, framework: str
) -> None:
    bucket, port, app_port = f"grants-{secrets.token_hex(4)}", free_port(), free_port()
    s3.create_bucket(bucket)
    names = [f"s{number}.ts" for number in range(3)]
    for name in names:
        s3.put(bucket, f"films/7/{name}", segment(name))
    site = {
        "SECRET": secrets.token_hex(20),
        "ORIGINS": {"bucket": s3.origin(bucket)},
        "GRANTS": {
            "app": f"127.0.0.1:{app_port}",
            "listen": f"127.0.0.1:{free_port()}",
            "paths": ["/files/"],
            "folders": ["/files/films/*/"],
            "cookie": "sid",
            "folder": str(tmp_path / "grants"),
        },
    }
    (tmp_path / "site.json").write_text(json.dumps(site))
    env = {
        "GRANTS_SITE": str(tmp_path / "site.json"),
        "GRANTS_FRAMEWORK": framework,
        "PYTHONPATH": str(ROOT),
    }
    app = app_server(
        tmp_path / "app",
        "tests.live.grants.framework_apps:application",
        env=env,
        cwd=ROOT,
        workers=1,
        port=app_port,
        kind=KINDS[framework],
    )
    with app as running:
        text = config_text(read_mapping.read(site), variant, running.address, port)
        with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
            for name in names:
                reply = ask(port, f"/files/films/7/{name}", headers={"Cookie": f"sid={'s' * 32}"})
                assert (reply.status, reply.body) == (200, segment(name))
            entries = nginx.lines(3)
    [first] = [entry["id"] for entry in entries if not entry["note"]]  # workers write in any order
    noted = {f"grant:{first}&key=films/7/{name}&filename={name}" for name in names[1:]}
    assert {entry["note"] for entry in entries} == {"", *noted}
