"""A transaction around the view that is rolled back: what is recorded all the same, and what is not."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework.decorators import api_view

from tests.audit.conftest import Log, take
from xaccel.audit.models import Transfer
from xaccel.django import deny_download, send_file

pytestmark = pytest.mark.django_db(transaction=True)
ENTERED, GONE = Event(), Event()


def denied(request: HttpRequest) -> HttpResponseBase:
    deny_download(request, origin="partner", key="a.pdf", reason="no grant")


def denied_inside(request: HttpRequest) -> HttpResponseBase:
    with transaction.atomic():
        return denied(request)


async def denied_in_a_thread(request: HttpRequest) -> HttpResponseBase:
    return await sync_to_async(denied_inside)(request)


def denied_to_nobody(request: HttpRequest) -> HttpResponseBase:
    ENTERED.set()
    assert GONE.wait(60)
    return denied(request)


def denied_by_drf(request: HttpRequest) -> HttpResponseBase:
    """Django REST framework wraps the request, and rolls back on its own before it answers."""
    answered: HttpResponseBase = api_view(["GET"])(denied)(request)
    return answered


def denied_and_answered(request: HttpRequest) -> HttpResponseBase:
    try:
        return denied_inside(request)
    except PermissionDenied:
        return send_file(request, "public", origin="partner")


def sent_and_failed(request: HttpRequest) -> HttpResponseBase:
    send_file(request, "a.pdf", origin="partner")
    raise OSError("afterwards")


def sent_and_taken_back(request: HttpRequest) -> HttpResponseBase:
    answer = send_file(request, "a.pdf", origin="partner")
    transaction.set_rollback(True)
    return answer


VIEWS: list[Any] = [
    denied,
    denied_inside,
    denied_to_nobody,
    denied_by_drf,
    denied_and_answered,
    sent_and_failed,
    sent_and_taken_back,
]
urlpatterns = [path(view.__name__, view) for view in VIEWS]

urlpatterns.append(path("denied_in_a_thread", denied_in_a_thread))


@pytest.fixture(autouse=True)
def _views(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def _atomic() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        yield


def rows() -> list[tuple[str, str]]:
    return list(Transfer.objects.order_by("decided_at").values_list("outcome", "key"))


DENIED = ("denied", "a.pdf")


@pytest.mark.usefixtures("_atomic")
@pytest.mark.parametrize("view", [denied, denied_inside, denied_by_drf])
def test_a_denial_keeps_its_row_under_atomic_requests(client: Client, view: Any) -> None:
    assert client.get(f"/{view.__name__}").status_code == 403
    assert rows() == [DENIED]


def test_a_denial_keeps_its_row_in_a_transaction_of_the_view(client: Client) -> None:
    assert client.get("/denied_inside").status_code == 403
    assert rows() == [DENIED]


def test_a_denial_keeps_its_row_in_a_coroutine(async_client: AsyncClient) -> None:
    assert async_to_sync(async_client.get)("/denied_in_a_thread").status_code == 403
    assert rows() == [DENIED]


# Django loses sight of the connection to the database of a view that it cancels: asgiref hands no context back.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_atomic")
def test_a_denial_keeps_its_row_where_the_client_does_not_wait_for_the_answer() -> None:
    ENTERED.clear()
    GONE.clear()

    async def ask() -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/denied_to_nobody",
            "query_string": b"",
            "headers": [],
        }
        asked = ApplicationCommunicator(get_asgi_application(), scope)
        await asked.send_input({"type": "http.request"})
        assert await asyncio.to_thread(ENTERED.wait, 60)
        await asked.send_input({"type": "http.disconnect"})
        # The thread is let go only when Django has taken the client's leave.
        async with asyncio.timeout(60):
            while any("listen_for_disconnect" in repr(task) for task in asyncio.all_tasks()):
                await asyncio.sleep(0.01)
        GONE.set()
        await asked.wait(60)

    async_to_sync(ask)()
    gc.collect()
    assert rows() == [DENIED]


@pytest.mark.usefixtures("_atomic")
def test_a_denial_that_the_view_answers_in_its_own_way_keeps_its_row(client: Client) -> None:
    assert "X-Accel-Redirect" in client.get("/denied_and_answered")
    assert rows() == [DENIED, ("granted", "public")]


def test_a_denial_in_no_transaction_is_written_once(client: Client) -> None:
    with CaptureQueriesContext(connections["default"]) as written:
        client.get("/denied")
    assert sum("INSERT" in query["sql"] for query in written) == 1
    assert rows() == [DENIED]


@pytest.mark.usefixtures("_atomic")
def test_a_grant_whose_request_failed_leaves_neither_a_row_nor_a_hand_off() -> None:
    answer = Client(raise_request_exception=False).get("/sent_and_failed")
    assert (answer.status_code, "X-Accel-Redirect" in answer) == (500, False)
    assert rows() == []


@pytest.mark.usefixtures("_atomic")
def test_a_grant_that_was_rolled_back_and_answered_leaves_a_line_without_a_decision(
    client: Client, log: Log
) -> None:
    answer = client.get("/sent_and_taken_back")
    assert rows() == []
    take(log, log.line(id=answer["Xaccel-Id"]))
    row = Transfer.objects.get()
    assert (row.outcome, row.key, row.decided_at, row.download) == ("sent", "", None, None)
