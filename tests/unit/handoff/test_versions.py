"""A pinned version: in the signed URL, and in the name of the cache entry."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.senders import BUCKET, KEYS, STORE, sender
from xaccel import ObjectRef, Options, S3Origin


def query_of(key: str = "k", url: str | None = None, **more: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(sender().hand_off(ObjectRef("docs", key, url=url), **more).target).query)


def entry(**options: Any) -> str | None:
    made = sender().hand_off(ObjectRef("docs", "k"), options=Options(**options))
    return dict(made.headers).get("Xaccel-Cache-Key")


def test_a_version_of_a_stored_url_is_asked_for() -> None:
    query = query_of("", url=f"{BUCKET}a%20b", options=Options(version_id="v1"))
    assert query["versionId"] == ["v1"]


def test_a_version_names_the_cache_entry() -> None:
    entries = {
        entry(cache_version="v1"),
        entry(version_id="v1"),
        entry(version_id="v2"),
        entry(version_id="v1", cache_version="i"),
        entry(version_id="v2", cache_version="i"),
        entry(cache_version="i"),
    }
    assert len(entries) == 6
    assert None not in entries
    assert entry(version_id="v1") == entry(version_id="v1", subject="another")


def test_versions_of_one_object_share_the_first_part_of_the_key() -> None:
    parts = {
        (entry(**given) or "").partition("-")[0] for given in ({"cache_version": "i"}, {"version_id": "v1"})
    }
    assert len(parts) == 1


def test_the_version_null_names_nothing() -> None:
    """It is written anew while versioning is off or suspended."""
    assert entry(version_id="null") is None
    assert entry(version_id="null", cache_version="i") == entry(cache_version="i")


def test_request_payer_is_in_the_url_and_not_in_the_cache_key() -> None:
    pays = S3Origin(bucket="docs", cache=True, request_payer=True, **STORE, **KEYS)  # type: ignore[arg-type]
    made = sender(docs=pays).hand_off(ObjectRef("docs", "k"), options=Options(cache_version="i"))
    assert parse_qs(urlsplit(made.target).query)["x-amz-request-payer"] == ["requester"]
    assert dict(made.headers)["Xaccel-Cache-Key"] == entry(cache_version="i")
