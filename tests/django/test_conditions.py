"""If-None-Match and the others, where the app has validators of its own."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, RequestFactory

from xaccel.django.conf import configuration
from xaccel.django.send_file import HandOffResponse, send_file

CHANGED = "Sun, 01 Mar 2026 12:00:00 GMT"
EARLIER = "Sun, 01 Mar 2026 11:59:59 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"If-None-Match": '"v1"'}, 304), ({"If-None-Match": '"v0"'}, 200), ({"If-Match": '"v0"'}, 412)],
)
@pytest.mark.filterwarnings("error")
def test_a_function_and_a_coroutine_answer_conditions(
    client: Client, async_client: AsyncClient, headers: Any, status: int
) -> None:
    assert client.get("/validators/", headers=headers).status_code == status
    assert client.head("/validators/", headers=headers).status_code == status
    assert async_to_sync(async_client.get)("/avalidators/", headers=headers).status_code == status


def test_if_unmodified_since_is_ignored_without_a_date() -> None:
    """RFC 9110 section 13.1.4. If-Match beside it still counts."""
    origin = next(iter(configuration().site.origins))

    def answer(**headers: str) -> Any:
        request = RequestFactory().get("/", headers={"If-Unmodified-Since": EARLIER, **headers})
        found = send_file(request, "report.pdf", origin=origin, etag="v1")
        assert request.META["HTTP_IF_UNMODIFIED_SINCE"] == EARLIER
        return found

    assert isinstance(answer(), HandOffResponse)
    assert answer(**{"If-Match": '"v0"'}).status_code == 412
    assert answer(**{"If-None-Match": '"v1"'}).status_code == 304


def test_304_has_the_headers_of_the_download_and_none_of_the_hand_off(client: Client) -> None:
    response = client.get("/validators/", headers={"If-None-Match": '"v1"'})
    assert dict(response.headers) == {
        "Cache-Control": "private, no-cache",
        "ETag": '"v1"',
        "Last-Modified": CHANGED,
        "Vary": "Cookie",
    }
