"""Test clients that follow a hand-off without NGINX: a view's test receives the file."""

from __future__ import annotations

from typing import Any, cast

import django.test
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test.client import AsyncClientHandler, ClientHandler

from xaccel.django.send_file import HandOffResponse
from xaccel_testing.stream import follow

__all__ = ["AsyncClient", "Client", "FollowedResponse"]


class FollowedResponse(HttpResponse):
    """The user's response to a hand-off: the file with the headers that NGINX would send, or NGINX's plain page.

    hand_off: the app's response, for `xaccel_testing.assert_hand_off`.
    """

    hand_off: HandOffResponse


class _Handler(ClientHandler):
    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        if not isinstance(response, HandOffResponse):
            return response
        answer = follow(request, response, response.hand_off)
        return _followed(response, answer, b"".join(answer))


class _AsyncHandler(AsyncClientHandler):
    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        response = await super().get_response_async(request)
        if not isinstance(response, HandOffResponse):
            return response
        following = sync_to_async(follow, thread_sensitive=False)
        answer = await following(request, response, response.hand_off)
        if isinstance(answer, StreamingHttpResponse):
            return _followed(response, answer, b"".join([chunk async for chunk in answer]))
        return _followed(response, answer, b"".join(answer))


class Client(django.test.Client):
    """`django.test.Client`, for which a download is the file itself.

    A hand-off is followed after all middleware, by the code that streams in development. It requests the file from the
    storage. A missing file gives the 404 that NGINX would send, and ranges are ignored, as always with Django. The
    client sees the app's headers that NGINX would pass on. `response.hand_off` is the hand-off. For example:

        from django.test import TestCase
        from xaccel_testing.django import Client


        class DownloadTest(TestCase):
            client_class = Client

            def test_the_file_arrives(self):
                self.assertEqual(self.client.get("/documents/1").content, b"the minutes")
    """

    def __init__(self, enforce_csrf_checks: bool = False, **kwargs: Any) -> None:
        super().__init__(enforce_csrf_checks=enforce_csrf_checks, **kwargs)
        self.handler = _Handler(enforce_csrf_checks)


class AsyncClient(django.test.AsyncClient):
    """`django.test.AsyncClient` that follows as `Client` does."""

    def __init__(self, enforce_csrf_checks: bool = False, **kwargs: Any) -> None:
        super().__init__(enforce_csrf_checks=enforce_csrf_checks, **kwargs)
        self.handler = _AsyncHandler(enforce_csrf_checks)


def _followed(response: HandOffResponse, answer: HttpResponseBase, content: bytes) -> FollowedResponse:
    followed: Any = FollowedResponse(content, status=answer.status_code, headers=dict(answer.items()))
    followed.cookies, followed.hand_off = answer.cookies, response
    followed._resource_closers.extend(vars(answer)["_resource_closers"])
    return cast("FollowedResponse", followed)
