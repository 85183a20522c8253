"""The one line in a view: hand a file to NGINX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from xaccel.django.conditions import answer_to_conditions
from xaccel.django.conf import Configuration, configuration
from xaccel.django.decision import atell, tell
from xaccel.django.development.stream import astream, require_development, stream
from xaccel.django.files.find_place import Place, find_place, place_is_known
from xaccel.django.hand_off_response import HandOffResponse, keep_out_of_caches
from xaccel.django.refusal import DATA_REFUSED, not_found, refusal_event
from xaccel.django.runserver import warn_without_nginx
from xaccel.django.subject import asubject_of, subject_of
from xaccel.errors import InputRefused
from xaccel.events import DownloadEvent, authorized
from xaccel.handoff.builder import HandOff
from xaccel.options import Options, SendOptions
from xaccel.sender import Url

if TYPE_CHECKING:
    from xaccel.django.files.find_place import FileOrKey


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
    keep_out_of_caches(request)
    if "subject" not in options:
        options["subject"] = subject_of(request)
    conf, chosen = _configuration(), Options(**options)
    place = None
    try:
        place = find_place(conf, file_or_key, origin=origin, bucket=bucket, url=url)
        hand_off = _hand_off(conf, request, place, chosen)
    except DATA_REFUSED as refused:
        tell(request, _refusal(request, refused, chosen, place, file_or_key, origin, bucket))
        raise not_found(refused) from refused
    answer = answer_to_conditions(request, hand_off)
    event = authorized(hand_off, None if answer is None else answer.status_code)
    tell(request, event)
    if answer is not None:
        return answer
    if conf.delivery == "stream":
        return stream(request, hand_off, chosen, conf.site.origin(place.name))
    warn_without_nginx(request)
    return HandOffResponse(hand_off, keeps_cache_control=chosen.cache_control is not None)


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
    keep_out_of_caches(request)
    if "subject" not in options:
        options["subject"] = await asubject_of(request)
    conf, chosen = _configuration(), Options(**options)
    place = None
    try:
        if place_is_known(conf.sender, file_or_key, url=url):
            place = find_place(conf, file_or_key, origin=origin, bucket=bucket, url=url)
        else:
            place = await sync_to_async(find_place, thread_sensitive=False)(
                conf, file_or_key, origin=origin, bucket=bucket, url=url
            )
        if not conf.sender.ready(place.name, origin=place.origin):
            await sync_to_async(_prepare, thread_sensitive=False)(conf, place)
        if place.url is None or isinstance(place.url, str):
            hand_off = _hand_off(conf, request, place, chosen)
        else:
            hand_off = await sync_to_async(_hand_off, thread_sensitive=False)(conf, request, place, chosen)
    except DATA_REFUSED as refused:
        await atell(request, _refusal(request, refused, chosen, place, file_or_key, origin, bucket))
        raise not_found(refused) from refused
    answer = answer_to_conditions(request, hand_off)
    event = authorized(hand_off, None if answer is None else answer.status_code)
    await atell(request, event)
    if answer is not None:
        return answer
    if conf.delivery == "stream":
        return await astream(request, hand_off, chosen, conf.site.origin(place.name))
    warn_without_nginx(request)
    return HandOffResponse(hand_off, keeps_cache_control=chosen.cache_control is not None)


def _configuration() -> Configuration:
    conf = configuration()
    if conf.delivery == "stream":
        require_development()
    return conf


def _hand_off(conf: Configuration, request: HttpRequest, place: Place, options: Options) -> HandOff:
    return conf.sender.hand_off(
        place.name,
        place.key,
        bucket=place.bucket,
        url=place.url,
        method="HEAD" if request.method == "HEAD" else "GET",
        options=options,
        origin=place.origin,
    )


def _refusal(  # noqa: PLR0917
    request: HttpRequest,
    refused: InputRefused,
    options: Options,
    place: Place | None,
    file_or_key: FileOrKey,
    origin: str | None,
    bucket: str | None,
) -> DownloadEvent:
    if place is not None:
        origin, bucket, key = place.name, place.bucket, place.key
    else:
        key = file_or_key if isinstance(file_or_key, str) else getattr(file_or_key, "name", None) or ""
    return refusal_event(
        request.method,
        refused,
        subject=options.subject or "",
        origin=origin or "",
        bucket=bucket or "",
        key=key,
    )


def _prepare(conf: Configuration, place: Place) -> None:
    # The hand-off compares the place with the site's own origin, whose endpoint is then looked up too.
    conf.sender.base_url(conf.site.origin(place.name))
    conf.sender.prepare(place.name, origin=place.origin)
