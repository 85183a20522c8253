"""docs/reference/vectors.json says what the library does. Other implementations follow it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docs.generated.engine import private_headers
from tests.vectors.run import OUTCOMES, hand_off, outcome
from tests.vectors.write import FILE
from xaccel.handoff.conditions import answer_to_conditions, headers_of_answer
from xaccel.signing.signer import S3Signer
from xaccel.site import PROTOCOL

DOCUMENT = json.loads(FILE.read_text(encoding="ascii"))
VECTORS: list[dict[str, Any]] = DOCUMENT["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_library_passes_each_vector(vector: dict[str, Any]) -> None:
    expected = {field: vector[field] for field in OUTCOMES if field in vector}
    assert outcome(vector, DOCUMENT["sites"]) == expected


def test_a_wrong_input_of_a_bucket_is_refused_before_anything_is_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signature may wait for credentials. The vectors of an HTTP origin are tried with a bucket."""
    monkeypatch.setattr(S3Signer, "sign", lambda *_: pytest.fail("signed"))
    buckets, of_the_origin = {"main": "path", "shop": "store"}, ("url", "bucket", "version_id")
    for vector in VECTORS:
        if vector["origin"] == "partner" and vector.get("refused", "url") not in of_the_origin:
            of_a_bucket = {**vector, "origin": buckets[vector["site"]]}
            assert outcome(of_a_bucket, DOCUMENT["sites"]) == {"refused": vector["refused"]}, vector["name"]
    with pytest.raises(pytest.fail.Exception):
        outcome(VECTORS[0], DOCUMENT["sites"])


@pytest.mark.parametrize("vector", DOCUMENT["conditions"], ids=lambda vector: vector["name"])
def test_the_adapters_answer_the_conditions_as_the_vector_says(vector: dict[str, Any]) -> None:
    shown = hand_off(vector, DOCUMENT["sites"]).visible_headers
    status = answer_to_conditions(vector["method"], vector["request_headers"], shown)
    found = "hand_off" if status is None else {"status": status, "headers": dict(headers_of_answer(shown))}
    assert found == vector["answer"]


def test_vector_names_are_unique() -> None:
    names = [vector["name"] for vector in [*VECTORS, *DOCUMENT["conditions"]]]
    assert len(names) > 250
    assert len(set(names)) == len(names)


def test_the_worked_example_of_amazon_has_amazons_signature() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    (vector,) = (vector for vector in VECTORS if vector["name"] == "amazon-example")
    signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert vector["hand_off"]["headers"]["Xaccel-Url"].endswith(f"&X-Amz-Signature={signature}")


def test_every_private_header_is_in_a_vector() -> None:
    """A note is the app's own text, and a trace has a key for one minute: no vector can give them."""
    shown = {
        name.lower() for vector in VECTORS if "hand_off" in vector for name in vector["hand_off"]["headers"]
    }
    assert [name for name in private_headers() if f"xaccel-{name}" not in shown] == ["note", "traced"]


def test_every_input_can_be_refused_in_a_vector() -> None:
    refused = {vector["refused"] for vector in VECTORS if "refused" in vector}
    assert refused >= {
        *"key url origin bucket filename content_type cache_control content_security_policy etag subject".split(),
        *"size limit_rate limit_rate_after concurrency headers".split(),
    }


def test_page_vectors_and_library_name_the_same_version() -> None:
    page = (FILE.parents[1] / "extend" / "protocol.md").read_text(encoding="utf-8")
    assert page.splitlines()[2].startswith(f"Version {PROTOCOL}. ")
    assert DOCUMENT["protocol"] == PROTOCOL
