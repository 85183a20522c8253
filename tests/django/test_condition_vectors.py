"""The conditions in docs/reference/vectors.json, answered by Django."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from tests.vectors.run import hand_off
from xaccel.django.conf import configuration
from xaccel.django.send_file import HandOffResponse, send_file
from xaccel.sender import Sender

DOCUMENT = json.loads(
    (Path(__file__).resolve().parents[2] / "docs/reference/vectors.json").read_text(encoding="ascii")
)


@pytest.mark.parametrize("vector", DOCUMENT["conditions"], ids=lambda vector: vector["name"])
def test_django_answers_the_conditions_as_the_vector_says(
    vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = RequestFactory().generic(vector["method"], "/", headers=vector["request_headers"])
    made = hand_off(vector, DOCUMENT["sites"])
    monkeypatch.setattr(Sender, "hand_off", lambda *_, **__: made)
    answer: Any = send_file(request, "report.pdf", origin=next(iter(configuration().site.origins)))
    if vector["answer"] == "hand_off":
        assert isinstance(answer, HandOffResponse)
        assert dict(made.headers)["X-Accel-Redirect"] == "/_xaccel/partner"
    else:
        expected = vector["answer"]
        assert answer.status_code == expected["status"]
        assert {name: answer.headers[name] for name in expected["headers"]} == expected["headers"]
        assert not [name for name in answer.headers if name.lower().startswith(("xaccel-", "x-accel-"))]
