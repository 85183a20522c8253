"""MLflow's artifacts, which its server proxies."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from urllib.parse import quote

import pytest

from integrations.application import Running, run
from integrations.table import TABLE, Row
from tests.live.client import ask


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_an_artifact(row: Row, site: Running) -> None:
    text, is_right = row.see(site)
    assert is_right, text


def test_the_user_interface_gets_the_artifact_with_the_same_check(site: Running) -> None:
    path = f"/get-artifact?path={quote(site.private.filename)}&run_uuid={run_id(site)}"
    for method in ("GET", "HEAD"):
        assert ask(site.nginx.port, path, method, site.private.stranger).status == 403
        assert ask(site.nginx.port, path, method).status == 401
    reply = ask(site.nginx.port, path, "GET", site.private.owner)
    assert (reply.status, reply.body) == (200, site.content)
    assert ask(site.app_port, path, "GET", site.private.owner).body == b""


def test_a_missing_artifact_is_404(site: Running) -> None:
    assert ask(site.nginx.port, f"{site.private.path}.gone", "GET", site.private.owner).status == 404


def test_mlflows_own_client_downloads_the_artifact(site: Running, tmp_path: Path) -> None:
    user, _, password = (
        b64decode(site.private.owner["Authorization"].partition(" ")[2]).decode().partition(":")
    )
    env = {
        **site.env,
        "MLFLOW_TRACKING_URI": site.nginx.url,
        "MLFLOW_TRACKING_USERNAME": user,
        "MLFLOW_TRACKING_PASSWORD": password,
    }
    run(env, tmp_path, "-m", "mlflow", "artifacts", "download", "-r", run_id(site), "-d", "downloaded")
    assert (tmp_path / "downloaded" / site.private.filename).read_bytes() == site.content


def run_id(site: Running) -> str:
    return site.private.page.rpartition("=")[2]
