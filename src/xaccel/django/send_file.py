"""Hand a file to NGINX: the one line in a view."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from xaccel.django.conf import configuration
from xaccel.django.decision import asubject_of, atell, subject_of, tell
from xaccel.django.development.stream import require_development, stream
from xaccel.django.hand_off_response import HandOffResponse, respond
from xaccel.django.refusal import DATA_REFUSED, not_found, refusal_event
from xaccel.errors import InputRefused
from xaccel.events import DownloadEvent, authorized
from xaccel.handoff.builder import HandOff
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Options, SendOptions, Url

if TYPE_CHECKING:
    from xaccel.django.files.find_object import FileOrKey


def send_file(
    request: HttpRequest,
    file_or_key: FileOrKey = None,
    *,
    origin: str | None = None,
    bucket: str | None = None,
    url: Url | None = None,
    **options: Unpack[SendOptions],
) -> HttpResponseBase:
    """Return the answer that makes NGINX send a file. The permission is the caller's to check, before.

    `file_or_key` is the value of a FileField, whose storage is matched to an origin of the site, or an object key in
    `origin` (may be left out where the site has one). `bucket` names one of the buckets of an origin that covers many;
    the storage of a FileField names it itself. `url` instead is a stored absolute URL that lies below the base
    of an origin; it is asked for byte for byte. A function instead, with `origin`, makes the URL for the method that it
    is given, "GET" or "HEAD". Nothing is asked of the storage, but one whose own SDK signs may ask its cloud for a key.

    With `etag` or `last_modified` the client's conditions are answered here. `subject` is the user's primary key unless
    given. `download_authorized` is sent before this returns.

    Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed, …) for what cannot be sent,
    CredentialsUnavailable, ConfigErrors when settings.XACCEL is wrong, and ConfigError where DELIVERY is "stream" with
    DEBUG off. KeyRefused and FileNameRefused, which stored data cause, send `download_denied` and are Http404 too:
    Django answers 404 unless the view catches them.
    """
    download = _Download(request, file_or_key, origin, bucket, url, options)
    tell(request, download.decide())
    return download.finish() if download.response is None else download.response


async def asend_file(
    request: HttpRequest,
    file_or_key: FileOrKey = None,
    *,
    origin: str | None = None,
    bucket: str | None = None,
    url: Url | None = None,
    **options: Unpack[SendOptions],
) -> HttpResponseBase:
    """Like `send_file`, for a coroutine: whatever would wait is done in a thread, and only that."""
    if "subject" not in options:
        options["subject"] = await asubject_of(request)
    download = _Download(request, file_or_key, origin, bucket, url, options)
    if download.is_ready():
        event = download.decide()
    else:
        event = await sync_to_async(download.decide, thread_sensitive=False)()
    await atell(request, event)
    if download.response is not None:
        return download.response
    return await sync_to_async(download.finish, thread_sensitive=False)()


@dataclass(slots=True)
class _Download:
    """One call of `send_file`: what plain functions and coroutines have in common.

    response: the answer, once it is decided; None: `finish` makes it, after the decision was recorded.
    """

    request: HttpRequest
    file_or_key: FileOrKey
    origin: str | None
    bucket: str | None
    url: Url | None
    options: SendOptions
    ref: ObjectRef | None = field(init=False, default=None)
    hand_off: HandOff | None = field(init=False, default=None)
    refused: InputRefused | None = field(init=False, default=None)
    response: HttpResponse | None = field(init=False, default=None)

    def is_ready(self) -> bool:
        """Tell whether `decide` will wait for nothing."""
        conf = configuration()
        if not conf.objects.is_known(self.file_or_key, self.url):
            return False
        try:
            self.ref = conf.objects.find(
                self.file_or_key, origin=self.origin, bucket=self.bucket, url=self.url
            )
        except InputRefused:
            return True
        return conf.sender.is_ready(self.ref)

    def decide(self) -> DownloadEvent:
        """Make the answer, and return the event that is to be recorded before it goes out."""
        request, conf = self.request, configuration()
        _keep_out_of_caches(request)
        if conf.delivery == "stream":
            require_development()
        if "subject" not in self.options:
            self.options["subject"] = subject_of(request)
        options = Options(**self.options)
        try:
            self.ref = self.ref or conf.objects.find(
                self.file_or_key, origin=self.origin, bucket=self.bucket, url=self.url
            )
            hand_off = conf.sender.hand_off(self.ref, method=request.method or "", options=options)
        except DATA_REFUSED as refused:
            self.refused = refused
            return self._denied(refused, options)
        self.hand_off = hand_off
        response = respond(request, hand_off, keeps_cache_control=options.cache_control is not None)
        is_sent = isinstance(response, HandOffResponse)
        if conf.delivery == "nginx" or not is_sent:
            self.response = response
        return authorized(hand_off, None if is_sent else response.status_code)

    def finish(self) -> HttpResponseBase:
        """Raise what `decide` was refused with, or send the file through Django."""
        if self.refused is not None:
            raise not_found(self.refused) from self.refused
        assert self.hand_off is not None, "finish comes after decide"
        return stream(self.request, self.hand_off)

    def _denied(self, refused: InputRefused, options: Options) -> DownloadEvent:
        key = (
            self.file_or_key if isinstance(self.file_or_key, str) else getattr(self.file_or_key, "name", None)
        )
        asked = self.ref or ObjectRef(self.origin or "", key or "", bucket=self.bucket)
        return refusal_event(
            self.request.method,
            refused,
            subject=options.subject or "",
            origin=asked.origin,
            bucket=asked.bucket or "",
            key=asked.key,
        )


def _keep_out_of_caches(request: HttpRequest) -> None:
    """Make Django's cache middleware and `cache_page` leave the answer to `request` alone."""
    # Django REST framework wraps the request, and the middleware looks at the one inside.
    inner: Any = getattr(request, "_request", request)
    inner._cache_update_cache = False
