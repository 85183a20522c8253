"""What broke hand-written configurations of others in production does not break xaccel's: their reports, as tests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest

from tests.live.client import Reply
from tests.live.conftest import Live

BODY = b"the file of the reports"
MAX_HEADERS_OF_S3 = 8192
TOKEN = {"Authorization": "Bearer token-of-the-app"}


@pytest.fixture
def key(live: Live) -> str:
    """An object that no cache has."""
    name = f"reports/{secrets.token_hex(8)}.png"
    live.places.s3.put(live.places.bucket, name, BODY, "image/png")
    return name


def fetched(reply: Reply) -> None:
    assert (reply.status, reply.body) == (200, BODY)


def sent_to_origin(live: Live, headers: Mapping[str, str] | tuple[tuple[str, str], ...]) -> dict[str, str]:
    live.get("partner-cached", "x", headers=headers)
    return {name.lower(): value for name, value in live.places.origin.requests[-1].headers}


def test_large_cookies_do_not_reach_the_storage(live: Live, key: str) -> None:
    """S3 refuses more than 8,192 bytes of headers: https://github.com/readthedocs/readthedocs.org/pull/13152 (2026)."""
    cookies = tuple(("Cookie", f"part{number}={'c' * 6000}") for number in range(2))
    fetched(live.get("documents", key, headers=cookies))
    sent = sent_to_origin(live, cookies)
    assert "cookie" not in sent
    assert len(str(sent)) < MAX_HEADERS_OF_S3


def test_a_bearer_token_does_not_reach_the_storage(live: Live, key: str) -> None:
    """S3 answers "only one auth mechanism allowed": https://github.com/penpot/penpot/issues/10776 (2026)."""
    fetched(live.get("documents", key, headers=TOKEN))
    assert "authorization" not in sent_to_origin(live, TOKEN)


def test_x_forwarded_host_does_not_reach_the_storage(live: Live, key: str) -> None:
    """A storage obeyed it instead of Host: https://github.com/penpot/penpot/pull/9752 (2026)."""
    headers = {
        "X-Forwarded-Host": "other.example",
        "X-Forwarded-Proto": "ftp",
        "Forwarded": "host=other.example",
    }
    fetched(live.get("documents", key, headers=headers))
    sent = sent_to_origin(live, headers)
    assert {"x-forwarded-host", "x-forwarded-proto", "forwarded"} & sent.keys() == set()
    assert sent["host"] == live.places.origin.address


def test_an_image_with_a_bearer_token_comes_from_the_cache_too(live: Live, key: str) -> None:
    """It was refused only if a cache did not have it: https://github.com/strapi/strapi/issues/19492 (2024)."""
    statuses = []
    for headers in (TOKEN, {}, TOKEN):
        reply, entry = live.logged("cached", key, headers=headers, options={"cache_version": key})
        fetched(reply)
        statuses.append(entry["cache"])
    assert statuses == ["MISS", "HIT", "HIT"]


def test_head_has_the_head_of_the_object(live: Live, key: str) -> None:
    """A URL signed for GET was refused for HEAD: https://github.com/alphagov/asset-manager/issues/169."""
    reply = live.get("documents", key, method="HEAD")
    assert (reply.status, reply.one("Content-Length"), reply.body) == (200, str(len(BODY)), b"")


def test_head_of_an_object_that_is_not_cached_yet(live: Live, key: str) -> None:
    """A cache sends GET instead of HEAD, whose signature differs: https://github.com/rustfs/docs.rustfs.com/pull/81."""
    for method, body in (("HEAD", b""), ("GET", BODY), ("HEAD", b"")):
        reply = live.get("cached", key, method=method, options={"cache_version": key})
        assert (reply.status, reply.one("Content-Length"), reply.body) == (200, str(len(BODY)), body)


@pytest.mark.parametrize("origin", ["documents", "cached"])
def test_names_with_blanks_percents_and_question_marks(live: Live, origin: str) -> None:
    """Names with spaces broke a path that is encoded twice: https://github.com/kobotoolbox/kobo-docker/issues/234."""
    name = f"reports/{secrets.token_hex(4)} my photo, 100 %25 ü?.png"
    live.places.s3.put(live.places.bucket, name, BODY, "image/png")
    fetched(live.get(origin, name, options={"cache_version": name} if origin == "cached" else {}))
