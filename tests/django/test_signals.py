"""download_authorized and download_denied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory

from xaccel.django import (
    adeny_download,
    asend_file,
    deny_download,
    download_authorized,
    download_denied,
    send_file,
)


def test_download_authorized_has_the_decision(client: Client, ada: Any, events: list[Any]) -> None:
    client.force_login(ada)
    response = client.get("/key/?key=a/r.pdf")
    ((request, event),) = events
    assert request.path == "/key/"
    assert (event.allowed, event.reason) == (True, "")
    assert (event.origin, event.key, event.method) == ("documents", "a/r.pdf", "GET")
    assert (event.subject, event.filename, event.as_attachment) == (str(ada.pk), "r.pdf", False)
    assert event.transfer_id == response["Xaccel-Id"]
    assert datetime.now(UTC) - event.at < timedelta(minutes=1)


def test_a_denial_with_another_status_is_an_error_without_an_event(events: list[Any]) -> None:
    with pytest.raises(ValueError, match="403 or 404"):
        deny_download(RequestFactory().get("/"), status=500)  # type: ignore[arg-type]
    assert events == []


@pytest.mark.parametrize(
    ("method", "path", "headers", "recorded"),
    [
        ("PUT", "/", {}, "PUT"),
        ("PATCH", "/", {"Upload-Complete": "?0"}, "PATCH"),
        ("HEAD", "/?upload=1", {}, "HEAD"),
        ("POST", "/", {"Upload-Complete": "?0"}, "PUT"),
        ("POST", "/?xaccel_form=a", {}, "PUT"),
        ("DELETE", "/", {}, "DELETE"),
        ("POST", "/", {}, "GET"),
    ],
)
def test_a_denied_upload_has_its_own_method(
    events: list[Any], method: str, path: str, headers: dict[str, str], recorded: str
) -> None:
    with pytest.raises(PermissionDenied):
        deny_download(RequestFactory().generic(method, path, headers=headers))
    assert [event.method for _, event in events] == [recorded]


class AuditIsDown(Exception):
    """What a receiver raises."""


def fails(sender: Any, **kwargs: Any) -> None:
    raise AuditIsDown


async def afails(sender: Any, **kwargs: Any) -> None:
    raise AuditIsDown


CALLS: list[tuple[Any, Any, Any, list[str]]] = [
    (download_authorized, send_file, asend_file, ["a.pdf"]),
    (download_denied, deny_download, adeny_download, []),
]


@pytest.mark.parametrize("receiver", [fails, afails])
@pytest.mark.parametrize(("signal", "call", "acall", "arguments"), CALLS, ids=["authorized", "denied"])
def test_receiver_that_fails_stops_the_download_and_the_denial(
    receiver: Any, signal: Any, call: Any, acall: Any, arguments: list[str]
) -> None:
    options = {"origin": "documents"} if arguments else {}
    signal.connect(receiver)
    try:
        for each in (call, async_to_sync(acall)):
            with pytest.raises(AuditIsDown):
                each(RequestFactory().get("/"), *arguments, **options)
    finally:
        signal.disconnect(receiver)
