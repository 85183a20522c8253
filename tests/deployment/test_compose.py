"""deploy/compose.yaml names files and images that exist. `scripts/deploy --check` runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.deployment.containers import COMPOSE, IMAGES, run
from xaccel.site import read_mapping
from xaccel.tools.nginx.digest import digest

SERVICES = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
EXAMPLE = COMPOSE.with_name(".env.example")


def test_without_secrets_compose_says_what_to_run() -> None:
    """A variable has a default, or is in the example and its absence is an error."""
    variables = set(re.findall(r"\$\{(\w+)(:-|[^}]*)", COMPOSE.read_text(encoding="utf-8")))
    needed = {name: how for name, how in variables if how != ":-"}
    assert set(needed.values()) == {":?is not set, run scripts/deploy env >deploy/.env"}
    assert sorted(needed) == re.findall(r"^(\w+)=$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)


def test_deploy_env_prints_new_secrets() -> None:
    printed = [line.split("=") for _ in range(2) for line in run("scripts/deploy", "env").splitlines()]
    assert sorted({name for name, _ in printed}) == re.findall(r"^(\w+)=$", EXAMPLE.read_text(), re.MULTILINE)
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for _, secret in printed)
    assert len({secret for _, secret in printed}) == len(printed)


def test_the_app_and_nginx_have_the_same_settings(tmp_path: Path) -> None:
    """Otherwise the doctor reports XA304. `nginx/render.py` says which settings count."""
    for mounts in (SERVICES["nginx"]["volumes"], SERVICES["app-1"]["volumes"]):
        assert "${SECRETS:-./secrets}:/etc/xaccel/secrets:ro" in mounts
    (tmp_path / "xaccel").write_text("s" * 40)
    site = tmp_path / "site.toml"
    site.write_text((COMPOSE.parent / "site.toml").read_text().replace("/etc/xaccel/secrets", str(tmp_path)))
    variables = {
        name: value.replace("/etc/xaccel/secrets", str(tmp_path))
        for name, value in SERVICES["app-1"]["environment"].items()
    }
    printed = subprocess.run(
        [sys.executable, "-c", "import json, portal.settings; print(json.dumps(portal.settings.XACCEL))"],
        env={**os.environ, **variables, "PORTAL_DATABASE_URL": "", "PORTAL_DATA_DIR": str(tmp_path)},
        cwd=COMPOSE.parents[1],
        capture_output=True,
        check=True,
    )
    app = read_mapping.read(json.loads(printed.stdout), more_keys=["DELIVERY"])
    assert digest(app) == digest(read_mapping.site_of(site))


def test_the_doctor_looks_at_the_log_that_ingest_reads() -> None:
    """Otherwise the doctor skips XA506: ingestion that is behind."""
    logs = {
        name: (service["environment"]["PORTAL_LOG"], service["command"][-1])
        for name, service in SERVICES.items()
        if "ingest" in service.get("command", [])
    }
    assert {*logs} == {"ingest", "ingest-2"}
    assert all(setting == log for setting, log in logs.values()), logs


def test_each_image_is_built_from_its_own_file() -> None:
    folders = {}
    for name, service in SERVICES.items():
        context = COMPOSE.parent / service["build"]["context"]
        file = (context / service["build"]["dockerfile"]).resolve()
        assert file.is_file(), name
        folders[service["image"]] = file.parent
    assert folders == {f"localhost/xaccel-{name}": COMPOSE.parent / "images" / name for name in IMAGES}


def test_the_sweep_runs_again_and_again_until_its_container_is_stopped() -> None:
    service = SERVICES["sweep"]
    assert service["entrypoint"] == ["sh", "-c"]
    [script] = service["command"]
    module = "/opt/portal/bin/python -m portal.manage xaccel sweep"
    assert script.count("sleep 3600") == script.count(module) == 1
    # a sweep that fails does not end the service either
    quick = script.replace("sleep 3600", "sleep 0").replace(module, "echo swept | grep -o swept; false")
    with subprocess.Popen(["sh", "-c", quick], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert [running.stdout.readline() for _ in range(3)] == ["swept\n"] * 3
        running.terminate()
        running.stdout.read()
    assert running.returncode == 0
