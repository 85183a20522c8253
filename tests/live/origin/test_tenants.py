"""One origin for the buckets of all tenants: a new one is sent from at once, and none but them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.live.conftest import Live

ORIGINS = ("tenants", "tenants-vhost")


@pytest.fixture(scope="module")
def stranger(places) -> Iterator[str]:  # type: ignore[no-untyped-def]
    """A bucket at the same endpoint, which the same credentials can read, and the pattern does not match."""
    name = f"stranger-{secrets.token_hex(4)}"
    places.s3.create_bucket(name)
    places.s3.put(name, "a.txt", b"of a stranger", "text/plain")
    return name


def new_tenant(live: Live, body: bytes) -> str:
    name = f"live-{secrets.token_hex(6)}"
    live.places.s3.create_bucket(name)
    live.places.s3.put(name, "a b.txt", body, "text/plain")
    return name


def signed(live: Live, bucket: str, style: str) -> str:
    """A URL that the storage would answer."""
    from xaccel import ObjectRef, S3Origin, Sender, Site

    s3 = live.places.s3
    named = f"http://{s3.domain}:{s3.address.rpartition(':')[2]}"
    origin = S3Origin(
        bucket=bucket,
        endpoint_url=named if style == "virtual" else s3.endpoint,
        addressing_style="virtual" if style == "virtual" else "path",
        region="us-east-1",
        access_key=s3.access_key,
        secret_key=s3.secret_key,
    )
    return Sender(Site(origins={"x": origin}, secrets=("s",))).hand_off(ObjectRef("x", "a.txt")).target


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_new_tenant_needs_no_new_configuration(live: Live, origin: str) -> None:
    """The buckets are made while NGINX runs, with the text that it started with."""
    for body in (b"of the first", b"of the second"):
        bucket = new_tenant(live, body)
        reply = live.get(origin, "a b.txt", bucket=bucket)
        assert (reply.status, reply.body) == (200, body)
        part = live.get(origin, "a b.txt", bucket=bucket, headers={"Range": "bytes=0-1"})
        assert (part.status, part.body) == (206, body[:2])


def test_two_tenants_with_one_key_and_one_identity_never_share_an_entry(live: Live) -> None:
    buckets = {new_tenant(live, body): body for body in (b"of the first", b"of the second")}
    for expected in ("MISS", "HIT"):
        for bucket, body in buckets.items():
            reply, line = live.logged("tenants", "a b.txt", bucket=bucket, options={"cache_version": "v1"})
            assert (line["cache"], reply.body) == (expected, body)


def test_a_hand_off_for_another_bucket_is_refused_by_nginx_too(live: Live, stranger: str) -> None:
    """With the site's secret, and a signature that the storage accepts. Other URLs: tests/maps/test_buckets.py."""
    s3 = live.places.s3
    by_path, by_host = (signed(live, stranger, style) for style in ("path", "virtual"))
    # an origin of one bucket shows that the URL is good
    assert live.get("documents", "a.txt", put={"Xaccel-Url": by_path}).body == b"of a stranger"
    for origin, url in (
        ("tenants", by_path),
        ("tenants", f"{s3.endpoint}/live-a/../{stranger}/a.txt"),
        ("tenants-vhost", by_host),
        ("tenants-vhost", f"http://live-a.{s3.domain}.evil:{s3.address.rpartition(':')[2]}/a.txt"),
    ):
        put = {"Xaccel-Url": url}
        reply, line = live.logged(origin, "a.txt", bucket=live.places.bucket, put=put)
        assert (reply.status, line["why"], line["origin_status"]) == (502, "url_refused", ""), url
        assert b"of a stranger" not in reply.body
