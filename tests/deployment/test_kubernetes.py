"""The manifests of deploy/kubernetes/, against the schemas of Kubernetes. No cluster runs them."""

from __future__ import annotations

import tomllib
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.groups import ROOT

DOCUMENTS = [
    document
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


@pytest.fixture
def pod() -> Any:
    [deployment] = [document for document in DOCUMENTS if document["kind"] == "Deployment"]
    return deployment["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda found: f"{found['kind']}-{found['metadata']['name']}"
)
def test_a_manifest_is_valid(document: dict[str, object]) -> None:
    kubernetes_validate.validate(document, "1.37", strict=True)


def test_a_misspelt_field_is_found() -> None:
    wrong = {**DOCUMENTS[0], "dta": {}}
    with pytest.raises(kubernetes_validate.ValidationError, match="dta"):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_the_log_of_each_sidecar_has_a_reader_that_ends_after_it(pod: Any) -> None:
    [nginx] = [each for each in pod["containers"] if each["name"] == "xaccel-nginx"]
    [log] = [mount for mount in nginx["volumeMounts"] if mount["mountPath"] == "/var/log/xaccel"]
    [(ingest, mount)] = [
        (container, mount)
        for container in (*pod["initContainers"], *pod["containers"])
        for mount in container.get("volumeMounts", [])
        if mount["name"] == log["name"] and container is not nginx
    ]
    assert ingest["restartPolicy"] == "Always"
    # two pods have two paths, since the database has the position in a log by its path
    path = f"{mount['mountPath']}/{log['subPathExpr']}/transfers.log"
    assert ingest["command"][-1] == path
    assert ingest["command"][-5:-1] == ["ingest", "--follow", "--metrics", "0.0.0.0:9109"]
    assert ingest["ports"] == [{"name": "metrics", "containerPort": 9109}]
    assert "$(POD)" in log["subPathExpr"]
    for container in (ingest, nginx):
        [name] = [variable for variable in container["env"] if variable["name"] == "POD"]
        assert name["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_python_has_a_writable_tmp_on_a_read_only_file_system(pod: Any) -> None:
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        # the image xaccel-nginx writes below /run/xaccel only
        assert writable & {"/tmp", "/run/xaccel"}, container["name"]


def mebibytes(quantity: str) -> int:
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


def test_downloads_on_all_connections_fit_into_the_memory_limit(pod: Any) -> None:
    """Otherwise the kernel kills NGINX's workers before `xaccel-ready` fails."""
    [nginx] = [each for each in pod["containers"] if each["name"] == "xaccel-nginx"]
    variables = {variable["name"]: variable.get("value") for variable in nginx["env"]}
    connections = int(variables["XACCEL_WORKERS"]) * int(variables["XACCEL_WORKER_CONNECTIONS"])
    in_memory = sum(
        mebibytes(volume["emptyDir"]["sizeLimit"])
        for volume in pod["volumes"]
        if volume.get("emptyDir", {}).get("medium") == "Memory"
    )
    # measured: 0.2 MB for a client that reads nothing, with two connections; 75 MB for NGINX and `xaccel-refresh`
    needed = 75 + 0.2 * connections / 2 + in_memory
    # `xaccel-ready` fails when a tenth is left
    assert needed <= 0.9 * mebibytes(nginx["resources"]["limits"]["memory"])


def test_a_rotated_secret_and_a_changed_site_reach_running_pods(pod: Any) -> None:
    """Kubernetes updates mounted folders, but no variables and no subPath."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    [config] = [document for document in DOCUMENTS if document["kind"] == "ConfigMap"]
    [secret] = [
        each for each in DOCUMENTS if each["kind"] == "Secret" and each["metadata"]["name"] == "xaccel"
    ]
    [file] = secret["stringData"]
    site = tomllib.loads(config["data"]["site.toml"])
    for container in (*pod["initContainers"], *pod["containers"]):
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        folder = mounts["/etc/xaccel/secrets"]
        assert volumes[folder["name"]]["secret"]["secretName"] == "xaccel"
        assert site["secret_file"] == f"{folder['mountPath']}/{file}"
        assert not any("subPath" in mount for mount in mounts.values())
    [nginx] = [each for each in pod["containers"] if each["name"] == "xaccel-nginx"]
    variables = {variable["name"]: variable.get("value") for variable in nginx["env"]}
    folder = next(mount for mount in nginx["volumeMounts"] if mount["name"] == "site")["mountPath"]
    assert variables["XACCEL_SITE"] == f"{folder}/site.toml"
    probe = nginx["readinessProbe"]
    assert int(variables["XACCEL_REFRESH_S"]) < probe["failureThreshold"] * probe["periodSeconds"]


def test_the_sweep_is_the_apps_with_its_secrets_once_at_a_time(pod: Any) -> None:
    [job] = [document["spec"] for document in DOCUMENTS if document["kind"] == "CronJob"]
    assert job["concurrencyPolicy"] == "Forbid"
    inside = job["jobTemplate"]["spec"]["template"]["spec"]
    [container] = inside["containers"]
    [app] = [each for each in pod["containers"] if each["name"] == "app"]
    assert all(container[name] == app[name] for name in ("image", "envFrom", "securityContext"))
    assert container["command"] == ["python3", "manage.py", "xaccel", "sweep"]
    assert inside["securityContext"] == pod["securityContext"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts.keys() == {"/etc/xaccel/secrets", "/tmp"}
    assert mounts.keys() == {mount["mountPath"] for mount in app["volumeMounts"]}
