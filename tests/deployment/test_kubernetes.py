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
