"""Responses of Amazon S3 for archived, deleted and encrypted objects, from a test origin on a real socket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from tests.live.conftest import Live
from tests.servers.origin import Answer
from xaccel import ObjectRef
from xaccel.site.origins import S3Origin
from xaccel.tools.explain.ask_storage import ask_storage

DENIED = "User: arn:aws:sts::123456789012:assumed-role/web is not authorized to perform: kms:Decrypt on this resource"
SSE_C = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided."
)
MARKER = (("x-amz-delete-marker", "true"), ("x-amz-version-id", "m1"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response of the storage, what the user sees, and words of the remedy of `explain`."""

    status: int
    code: str
    message: str
    seen: int
    remedy: str
    headers: Sequence[tuple[str, str]] = ()


ROWS = [
    Refusal(403, "InvalidObjectState", "The operation is not valid for its storage class", 502, "archived"),
    Refusal(404, "NoSuchKey", "The key does not exist.", 404, "newest version is a delete marker", MARKER),
    Refusal(405, "MethodNotAllowed", "Not allowed.", 502, "version is a delete marker", MARKER),
    Refusal(404, "NoSuchVersion", "The specified version does not exist.", 404, "version was deleted"),
    Refusal(403, "AccessDenied", DENIED, 502, "kms:Decrypt"),
    Refusal(403, "AccessDenied", "Access Denied", 502, "Requester Pays"),
    Refusal(400, "KMS.DisabledException", "arn is disabled.", 502, "disabled in KMS"),
    Refusal(400, "KMS.NotFoundException", "arn does not exist", 502, "does not exist in KMS"),
    Refusal(400, "KMS.KMSInvalidStateException", "arn is pending deletion.", 502, "pending deletion"),
    Refusal(400, "InvalidRequest", SSE_C, 502, "SSE-C"),
    Refusal(400, "ExpiredToken", "The provided token has expired.", 502, "session token has expired"),
    Refusal(403, "RequestTimeTooSkewed", "The difference is too large.", 502, "clock of this machine"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.status} {row.code} {row.remedy}")
def test_the_user_gets_a_plain_page_and_explain_the_reason(live: Live, row: Refusal) -> None:
    xml = f"<?xml version='1.0'?><Error><Code>{row.code}</Code><Message>{row.message}</Message></Error>"
    typed = [("Content-Type", "application/xml"), *row.headers]
    live.places.origin.answer = lambda _: Answer(status=row.status, headers=typed, body=xml.encode())
    reply, line = live.logged("partner", "x")
    page = b"Not found.\n" if row.seen == 404 else b"The storage did not deliver the file.\n"
    assert (reply.status, reply.body) == (row.seen, page)
    assert not any(name.lower().startswith("x-amz") for name, _ in reply.headers)
    assert (line["why"], line["status"]) == (f"origin_{row.status}", str(row.seen))

    documents = live.places.site.origin("documents")
    assert isinstance(documents, S3Origin)
    there = replace(documents, endpoint_url=live.places.origin.url)
    finding = ask_storage(
        replace(live.places.site, origins={"documents": there}), ObjectRef("documents", "x"), "v1"
    )
    assert finding.code == row.code
    assert row.remedy in finding.remedy
    assert "?versionId=v1&" in live.places.origin.requests[-1].target


def test_a_head_of_what_is_archived_is_answered(live: Live) -> None:
    """The storage has the head at hand, but not the bytes."""
    archived = [("Content-Length", "9"), ("x-amz-storage-class", "GLACIER"), ("Content-Type", "text/plain")]
    live.places.origin.answer = lambda request: (
        Answer(headers=archived) if request.method == "HEAD" else Answer(status=403)
    )
    head = live.get("partner", "x", method="HEAD")
    assert (head.status, head.one("Content-Length"), head.one("x-amz-storage-class")) == (200, "9", None)
    assert live.get("partner", "x").status == 502
