"""Files of storages whose own SDKs sign, behind each NGINX: Google's, Azure's, CloudFront's, anybody's.

Azurite verifies signatures itself. fake-gcs-server does not, and CloudFront has no emulator: there a door of the tests
checks each request with the public key. What the emulators do wrong stands at the test that meets it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

from docs.generated.engine import hidden_headers
from tests.live.client import ask, send_target
from tests.live.origin.signing_storages import (
    NAMES,
    TEXT,
    Delivery,
    SigningStorages,
    running_nginx,
    running_storages,
)
from tests.servers.started import started
from xaccel.handoff.disposition import content_disposition

if TYPE_CHECKING:
    from xaccel_testing import S3Server, Variant

# Both NGINX, and once with njs, which removes the headers of storages. Only the signed URL differs from other HTTP
# origins, and Python makes it. On all builds six servers and an app with three SDKs would start four times.
pytestmark = pytest.mark.variants("deb", "wheel-njs")

KINDS = ["google", "azure", "delegated", "cdn", "foreign"]


@pytest.fixture(scope="session")
def storages(
    s3: S3Server, tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[SigningStorages]:
    with started(running_storages(tmp_path_factory.mktemp("storages"), s3), unavailable) as found:
        yield found


@pytest.fixture(scope="module")
def delivery(
    variant: Variant, storages: SigningStorages, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Delivery]:
    with running_nginx(tmp_path_factory.mktemp(f"storages-{variant.name}"), variant, storages) as found:
        yield found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_arrives_whole_under_its_name(delivery: Delivery, kind: str, name: str) -> None:
    reply = delivery.get(kind, name)
    assert (reply.status, reply.body) == (200, TEXT.encode())
    assert reply.one("Content-Length") == str(len(TEXT))
    shown = content_disposition(name.rpartition("/")[2], as_attachment=False)
    assert reply.one("Content-Disposition") == shown


@pytest.mark.parametrize("kind", KINDS)
def test_head_is_asked_for_as_it_was_signed(delivery: Delivery, kind: str) -> None:
    """Google's door and SeaweedFS refuse a HEAD whose signature is for GET."""
    reply, line = delivery.line(lambda mark: delivery.get(kind, method="HEAD", options={"subject": mark}))
    assert (reply.status, reply.body, line["why"]) == (200, b"", "")
    assert reply.one("Content-Length") == str(len(TEXT))


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_that_is_not_the_storages_is_a_plain_502(delivery: Delivery, kind: str) -> None:
    reply, line = delivery.line(lambda mark: delivery.get(kind, tamper=True, options={"subject": mark}))
    assert reply.status == 502
    assert "Error" not in reply.body.decode()
    assert line["why"] == "origin_403"


@pytest.mark.parametrize("kind", KINDS)
def test_no_header_of_the_storage_reaches_the_user(delivery: Delivery, kind: str) -> None:
    replies = [
        delivery.get(kind),
        delivery.get(kind, method="HEAD"),
        delivery.get(kind, headers={"Range": "bytes=0-9"}),
        delivery.get(kind, "missing.txt"),
        delivery.get(kind, tamper=True),
    ]
    hidden = {name.lower() for names in hidden_headers().values() for name in names} - {
        "content-type",
        "content-disposition",
        "cache-control",
    }
    hidden -= {"content-security-policy", "x-content-type-options"}
    for reply in replies:
        names = {name.lower() for name, _ in reply.headers}
        assert not [name for name in names if name.startswith(("x-goog", "x-ms", "x-amz", "x-guploader"))]
        assert not names & hidden
        text = reply.everything().decode("latin-1")
        assert not [trace for trace in delivery.storages.traces if trace.lower() in text.lower()]


@pytest.mark.parametrize("kind", ["google", "azure", "delegated", "cdn"])
def test_a_key_is_signed_by_the_storage_that_the_origin_names(delivery: Delivery, kind: str) -> None:
    reply = ask(delivery.nginx.port, send_target({"origin": kind, "key": NAMES[1]}))
    assert (reply.status, reply.body) == (200, TEXT.encode())


def test_no_log_has_a_signature(delivery: Delivery) -> None:
    for kind in KINDS:
        delivery.get(kind)
        delivery.get(kind, tamper=True)
    app = delivery.storages.app
    for log in (
        delivery.nginx.access_log,
        delivery.nginx.error_log,
        app.log,
        json.dumps(delivery.nginx.lines()),
    ):
        assert not [word for word in ("Signature=", "sig=", "X-Goog-", "X-Amz-") if word in log]


@pytest.mark.parametrize("kind", KINDS)
def test_streaming_without_nginx_asks_with_the_same_signature(storages: SigningStorages, kind: str) -> None:
    port = int(storages.app.address.rpartition(":")[2])
    target = send_target({"storage": kind, "name": NAMES[1]}).replace("/send", "/stream", 1)
    reply = ask(port, target)
    assert (reply.status, reply.body) == (200, TEXT.encode())
    assert not [name for name, _ in reply.headers if name.lower().startswith(("x-goog", "x-ms", "x-amz"))]
    assert (ask(port, target, "HEAD").status, ask(port, target, "HEAD").body) == (200, b"")
