"""Receive an upload in a view: `receive_file` decides from the headers, `received` returns what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Unpack

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse

from xaccel.django.conf import configuration
from xaccel.django.decisions import ForNginx, run_after_view, send_decision, subject_of
from xaccel.django.uploads import parts, settle
from xaccel.django.uploads.models import Upload
from xaccel.django.uploads.reserve import Quota, reserve
from xaccel.errors import UploadFailed
from xaccel.features.archives.ticket import name_of
from xaccel.features.uploads import forms
from xaccel.features.uploads import receive as core
from xaccel.features.uploads.decide import Refusal, UploadArguments, require_uploads
from xaccel.features.uploads.look import delete
from xaccel.site.keys import unseal
from xaccel.site.protocol import UPLOAD_FORM


class DjangoArguments(UploadArguments, total=False):
    """The keywords of `receive_file` in Django.

    on_stored: a function of a module, or its name such as "library.uploads:make". It gets the `Upload` row, once, in
        the transaction that marks it as stored, from the request, `ingest` or `xaccel sweep`: make your own row there.
    context: values for it, such as {"folder": 7}; JSON.
    quota: bytes that `account` still has room for, without uploads that are under way; or a function that counts them.
        Only a function is exact while uploads end: it is called in the transaction that makes the reservation. An
        empty file needs one byte.
    account: whose quota and limits count; the subject by default.
    """

    on_stored: Callable[[Upload], object] | str | None
    context: Mapping[str, Any]
    quota: Quota
    account: str


def receive_file(request: HttpRequest, origin: str, **arguments: Unpack[DjangoArguments]) -> HttpResponse:
    """Return the response that makes NGINX send an upload to an origin. Check the permission before you call it.

    No byte of the body has been read: NGINX asks with the headers alone. It then sends the body to the storage, calls
    the view again, and sends its response to the client. For example:

        def make(upload):
            Document.objects.create(folder_id=upload.context["folder"], file=upload.key, size=upload.size)


        def upload(request, pk):  # PUT /upload/<pk>
            if done := received(request):
                return JsonResponse({"key": done.key}, status=201)
            folder = get_object_or_404(Folder, pk=pk, owner_id=request.user.pk)
            return receive_file(
                request, "documents", max_size="500m", quota=folder.left, on_stored=make, context={"folder": pk}
            )

    `subject` is the user's primary key unless you give another one. Django's protection against cross-site requests
    applies to it: a browser sends the token in the header X-CSRFToken.

    Raises OptionRefused and OriginNotAllowed, ConfigError without the setting UPLOADS, and CredentialsUnavailable.
    """
    conf, own = configuration(), dict[str, Any](arguments)
    if "subject" not in own:
        own["subject"] = subject_of(getattr(request, "user", None))
    keep = partial(
        reserve,
        limits=require_uploads(conf.site),
        account=own.pop("account", own["subject"]),
        quota=own.pop("quota", None),
        on_stored=name_of(own.pop("on_stored", None), "on_stored"),
        context=own.pop("context", {}),
    )
    record = partial(send_decision, request)
    form = None
    if request.method == "POST" and UPLOAD_FORM in request.GET:
        address = unseal(conf.site, forms.Address, request.GET[UPLOAD_FORM])
        sent = forms.SentForm(address, request.headers.get("Content-Type", ""))
        form = (sent.decide, sent.accept)
    if request.method != "PUT" and form is None:
        answer = parts.respond(request, origin, own, reserve=keep, record=record)  # type: ignore[arg-type]
    else:
        given: Any = own
        answer = core.receive(
            conf.sender, origin, request.headers, given, record=record, reserve=keep, form=form
        )
    return ForNginx(answer.body, status=answer.status, headers=dict(answer.headers))


async def areceive_file(
    request: HttpRequest, origin: str, **arguments: Unpack[DjangoArguments]
) -> HttpResponse:
    """Like `receive_file`, for an async view. It runs in a thread, where `quota` may query the database."""
    return await sync_to_async(receive_file)(request, origin, **arguments)


def received(request: HttpRequest) -> Upload | None:
    """Return the row of the upload whose object is stored, if NGINX reports it in this request; else None.

    Call it first: the session may have ended since the upload began, so a view with `login_required` would refuse.
    `on_stored` was called before. Raises UploadFailed if the storage did not take the file: HandOffMiddleware responds
    with 422, 409, 507 or 503.
    """
    conf = configuration()
    try:
        upload = core.received(conf.site, request.headers) or forms.received(conf.sender, request.headers)
    except UploadFailed as error:
        run_after_view(request, partial(settle.release, error.upload.id))  # its transaction is rolled back
        raise
    if upload is None:
        return parts.received(request)
    row = settle.settle(upload.id, upload.etag, size=upload.size)
    if row is None:
        run_after_view(request, partial(settle.delete_later, upload.id))  # its transaction is rolled back
        delete(conf.sender, upload)
        raise core.failed(upload, Refusal(410, "it was given up before its end"))
    return row


async def areceived(request: HttpRequest) -> Upload | None:
    """Like `received`, for an async view."""
    return await sync_to_async(received)(request)
