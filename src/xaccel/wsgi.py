"""xaccel for a plain WSGI application (PEP 3333)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from xaccel.adapter import Answers, DeniedRecord, DeniedStatus, record_denial
from xaccel.handoff.conditions import ENVIRON
from xaccel.handoff.objects import Url
from xaccel.options import SendOptions

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


def conditions_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the conditions of a request."""
    return {name: environ[key] for key, name in ENVIRON.items() if key in environ}


class Downloads(Answers):
    """The downloads of one site, made once and used by every request."""

    def send_file(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        key: str | None = None,
        *,
        origin: str | None = None,
        bucket: str | None = None,
        url: Url | None = None,
        **options: Unpack[SendOptions],
    ) -> list[bytes]:
        """Start the answer that makes NGINX send a file, and return its empty body. The permission is checked before.

        `key` is an object key in `origin`, which may be left out where the site has one; `bucket` names one of the
        buckets of an origin that covers many. `url` instead is a stored absolute URL below the base of an origin, or,
        with `origin`, a function that makes it for "GET" or "HEAD".
        With `etag` or `last_modified` the client's conditions are answered here.

        Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed, …) for what cannot be sent, and
        CredentialsUnavailable.
        """
        ref = self.sender.refer(key, origin=origin, bucket=bucket, url=url)
        answer = self._answer(ref, environ["REQUEST_METHOD"], conditions_of(environ), options)
        length = [] if answer.status == 304 else [("Content-Length", "0")]
        start_response(_line(answer.status), [*answer.headers, *length])
        return []

    def deny_download(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        *,
        status: DeniedStatus = 403,
        **record: Unpack[DeniedRecord],
    ) -> list[bytes]:
        """Start a refusal, and return its text. 404 hides that the file exists; `record` is for the log only."""
        record_denial(environ["REQUEST_METHOD"], status, record)
        text = f"{HTTPStatus(status).phrase}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        start_response(_line(status), [*headers, ("Content-Length", str(len(text)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [text]


def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
