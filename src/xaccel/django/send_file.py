"""Hand a file to NGINX: the one line in a view."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.http import Http404, HttpRequest, HttpResponse

from xaccel.adapters.base import ClientRequest, answer_of, as_framework_error
from xaccel.decisions import DATA_REFUSED, authorized, refusal_event
from xaccel.django.conf import configuration, debug_is_on, recorded_bucket, under_test
from xaccel.django.decisions import asend_decision, send_decision, subject_of
from xaccel.errors import InputRefused
from xaccel.events import DownloadEvent, logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.middleware_headers import MiddlewareHeaders
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Options, SendArguments, SendOptions
from xaccel.signing.endpoint import WouldWait, without_waiting
from xaccel.site.protocol import TRACE_HEADER, name_in_environ
from xaccel.site.setting import problem

if TYPE_CHECKING:
    from xaccel.django.files.objects import FileOrKey
    from xaccel.features.archives.send import Archive

_TRACE = name_in_environ(TRACE_HEADER)


def send_file(
    request: HttpRequest, file_or_key: FileOrKey = None, **arguments: Unpack[SendArguments]
) -> HttpResponse:
    """Return the response that makes NGINX send a file. Check the permission before you call it.

    `file_or_key` is the value of a FileField, whose storage is matched to an origin of the site, or an object key in
    `origin`. A site with one origin needs no `origin`. `bucket` names one of the buckets of an origin that covers many;
    for a FileField, its storage names the bucket. `url` replaces `file_or_key`: an absolute URL below the base of an
    origin, which is requested byte for byte. With `origin` it may be a function that makes the URL for the method
    "GET" or "HEAD". All other arguments are options. For example:

        def download(request, pk):
            document = get_object_or_404(Document, pk=pk, owner=request.user)
            return send_file(request, document.file, as_attachment=True)

    It makes no request, but a storage whose own SDK signs may ask its cloud for a key. With `etag` or `last_modified`
    the app evaluates the client's conditions. `subject` is the user's primary key unless you give another one.
    `download_authorized` is sent before this returns.

    Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed, …) for invalid arguments, CredentialsUnavailable,
    ConfigErrors when settings.XACCEL is wrong, and ConfigError where DELIVERY is "stream" with DEBUG off. KeyRefused
    and FileNameRefused, which stored data cause, send `download_denied` and are Http404 too: Django responds with 404
    unless the view catches them.
    """
    download = _Download(request, file_or_key, arguments)
    send_decision(request, download.decide())
    return download.response or download.refuse()


def send_archive(request: HttpRequest, archive: Archive) -> HttpResponse:
    """Return the response that makes NGINX send an archive, and record it with its members."""
    download = _Download(request, None, archive.options)
    download.ref = archive.ref
    send_decision(request, replace(download.decide(), archive=archive.layout))
    return download.response or download.refuse()


async def asend_file(
    request: HttpRequest, file_or_key: FileOrKey = None, **arguments: Unpack[SendArguments]
) -> HttpResponse:
    """Like `send_file`, for an async view: only what would wait runs in a thread."""
    if "subject" not in arguments:
        # `request.user` may query the database, which the event loop must not wait for.
        user = await request.auser() if hasattr(request, "auser") else getattr(request, "user", None)
        arguments["subject"] = subject_of(user)
    download = _Download(request, file_or_key, arguments)
    ready = download.is_ready()
    # In the thread of Django's database connections, on which the tenant of a storage may depend.
    await asend_decision(request, download.decide() if ready else await sync_to_async(download.decide)())
    return download.response or download.refuse()


def check_file(
    key: str, *, origin: str | None = None, bucket: str | None = None, **options: Unpack[SendOptions]
) -> None:
    """Check that `send_file` will accept an object key and options, for example before you store them.

    Call it in the `clean` method of a model or a form, with the arguments of the later `send_file`. It makes no
    request and needs no credentials. It does not check that the object exists.

    Raises InputRefused (KeyRefused, FileNameRefused, OriginUnknown, …), with the error that `send_file` would raise.
    """
    sender = configuration().sender
    sender.check(sender.refer(key, origin=origin, bucket=bucket), Options(**options))


class _Download:
    """One call of `send_file`: what sync and async calls have in common.

    response: what `decide` made; None if it was refused.
    """

    def __init__(
        self, request: HttpRequest, file_or_key: FileOrKey, arguments: SendArguments | dict[str, Any]
    ) -> None:
        self.request = request
        self.file_or_key = file_or_key
        self.options: dict[str, Any] = {**arguments}
        self.place = {name: self.options.pop(name, None) for name in ("origin", "bucket", "url")}
        self.ref: ObjectRef | None = None
        self.refused: InputRefused | None = None
        self.response: HttpResponse | None = None

    def is_ready(self) -> bool:
        """Tell whether `decide` will wait for nothing."""
        conf = configuration()
        if _TRACE in self.request.META or "grant" in self.options:  # the session may be in the database
            return False
        try:
            with without_waiting():
                self.ref = conf.objects.find(self.file_or_key, **self.place)
        except WouldWait:
            return False
        except InputRefused:
            return True
        return conf.sender.is_ready(self.ref)

    def decide(self) -> DownloadEvent:
        """Make the response, and return the event to record before it goes out."""
        request, conf = self.request, configuration()
        # Django's cache middleware and `cache_page` leave the response alone. Django REST framework wraps the request,
        # and the middleware looks at the one inside.
        inner: Any = getattr(request, "_request", request)
        inner._cache_update_cache = False
        if conf.delivery == "stream":
            _require_development(request)
        if "subject" not in self.options:
            self.options["subject"] = subject_of(getattr(request, "user", None))
        options, grant = Options(**self.options), None
        if options.grant is not None:
            from xaccel.django.grants import grant_of  # a site without grants does not need it

            options, grant = grant_of(request, options)
        try:
            self.ref = self.ref or conf.objects.find(self.file_or_key, **self.place)
            hand_off = conf.sender.hand_off(self.ref, method=request.method or "", options=options)
        except DATA_REFUSED as refused:
            self.refused = refused
            return self._denied(refused, options)
        # Django has decoded the path of META.
        asked = ClientRequest.of_environ(request.META, "utf-8", request.method or "")
        streams = conf.delivery == "stream"
        debug = settings.DEBUG and not streams and not under_test()
        answer = answer_of(conf.site, hand_off, asked, debug=debug, spend=_spend, grant=grant)
        kind = HandOffResponse if answer.status == hand_off.status else HttpResponse
        response = kind(answer.body, status=answer.status, headers=dict(answer.headers))
        if isinstance(response, HandOffResponse):
            response.hand_off, response.streams = hand_off, streams
        elif answer.status in (304, 412):
            # It is empty, and so has no type.
            del response["Content-Type"]
        self.response = response
        return authorized(hand_off, answer.status)

    def refuse(self) -> NoReturn:
        """Raise what `decide` was refused with."""
        assert self.refused is not None, "decide was refused, or made a response"
        raise as_framework_error(self.refused, Http404) from self.refused

    def _denied(self, refused: InputRefused, options: Options) -> DownloadEvent:
        key: Any = getattr(self.file_or_key, "name", self.file_or_key)
        asked = self.ref or ObjectRef(self.place["origin"] or "", key or "", bucket=self.place["bucket"])
        return refusal_event(
            self.request.method,
            refused,
            subject=options.subject or "",
            origin=asked.origin,
            bucket=recorded_bucket(asked.origin, asked.bucket or ""),
            key=asked.key,
        )


class HandOffResponse(HttpResponse):
    """An empty response with the hand-off's headers.

    It has no Content-Disposition, Cache-Control or Expires: NGINX would send them in addition to those of the download.

    hand_off: what was decided, for tests; NGINX obeys the headers, which middleware may still change.
    streams: HandOffMiddleware sends the file itself, for development.
    """

    hand_off: HandOff
    streams: bool

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled, which is what a cache does: another user would get the file unchecked."""
        raise TypeError("a hand-off is for one request and cannot be stored: do not cache this view")


def _require_development(request: HttpRequest) -> None:
    """Raise ConfigError unless DEBUG is on or a test runner is at work, and what sends the file is there."""
    if not debug_is_on() and not under_test():
        raise problem('XACCEL["DELIVERY"]', "stream_without_debug")
    if find_spec("xaccel_testing") is None:
        raise problem('XACCEL["DELIVERY"]', "stream_without_testing")
    if MiddlewareHeaders.MARK not in request.META:
        raise problem('XACCEL["DELIVERY"]', "stream_without_middleware")


def _spend(nonce: str, now: float) -> str | None:
    """Remember the key of a trace on this machine, and for other machines in the cache that they share."""
    from xaccel.handoff.trace_key import LIFE_S, spend_on_machine  # few requests are traced

    remembered = spend_on_machine(nonce, now)
    try:
        cache = caches["default"]
        if remembered is None or isinstance(cache, DummyCache | LocMemCache):
            return remembered
        is_new = cache.add(f"xaccel.trace.{nonce}", 1, 2 * LIFE_S)
    except Exception as error:  # noqa: BLE001  (each cache has its own)
        logger.warning("a trace was refused: the cache cannot remember its key (%s)", type(error).__name__)
        return None
    if not is_new or isinstance(cache, FileBasedCache):  # its `add` looks first and writes then
        return remembered if is_new else None
    return f"by CACHES['default'] ({type(cache).__name__})"
