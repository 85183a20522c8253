"""The manifests of deploy/kubernetes/, against the schemas of Kubernetes. No cluster runs them."""

from __future__ import annotations

import kubernetes_validate
import pytest
import yaml

from tests.runs import ROOT

DOCUMENTS = [
    document
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda found: f"{found['kind']}-{found['metadata']['name']}"
)
def test_a_manifest_is_valid(document: dict[str, object]) -> None:
    kubernetes_validate.validate(document, "1.37", strict=True)


def test_a_misspelt_field_is_found() -> None:
    wrong = {**DOCUMENTS[0], "dta": {}}
    with pytest.raises(kubernetes_validate.ValidationError, match="dta"):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_the_log_of_each_sidecar_has_a_reader_that_ends_after_it() -> None:
    [deployment] = [document for document in DOCUMENTS if document["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
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
    assert ingest["command"][-3:] == ["ingest", "--follow", path]
    assert "$(POD)" in log["subPathExpr"]
    for container in (ingest, nginx):
        [name] = [variable for variable in container["env"] if variable["name"] == "POD"]
        assert name["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
