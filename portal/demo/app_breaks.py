"""Breaks of the app: each changes one thing in a process that runs the portal. `breakable_app` applies one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Break = Callable[[], None]

NOTE = "break"
"""The file in the portal's folder that names the break for new workers."""


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    # getattr first: a name that is gone must be an error, not a break that breaks nothing
    setattr(owner, name, make(getattr(owner, name)))


def _sign_as_get() -> None:
    from xaccel.signing.signer import S3Signer

    def make(sign: Any) -> Any:
        return lambda self, url, method, credentials, now: sign(self, url, "GET", credentials, now)

    _replace(S3Signer, "sign", make)


def _decode_once_too_often() -> None:
    from xaccel import urls

    def make(quote_key: Any) -> Any:
        return lambda key, **flags: quote_key(unquote(key), **flags)

    _replace(urls, "quote_key", make)


def _name_as_it_is() -> None:
    from xaccel.handoff import builder

    def make(content_disposition: Any) -> Any:
        def naive(name: str, *, as_attachment: bool) -> str:
            kind = "attachment" if as_attachment else "inline"
            return f'{kind}; filename="{name.encode("ascii", "replace").decode()}"'

        return naive

    _replace(builder, "content_disposition", make)


def _everything_visible() -> None:
    from django.db.models import F

    from portal.files.models import FileQuerySet

    def make(visible_to: Any) -> Any:
        return lambda self, user: self.annotate(granted_at=F("created_at"))

    _replace(FileQuerySet, "visible_to", make)


def _grants_outlive_removal() -> None:
    from django.conf import settings
    from django.db.models import F

    from portal.files.models import FileQuerySet

    def make(visible_to: Any) -> Any:
        def remembering(self: Any, user: Any) -> Any:
            # on disk: two workers answer, and one must know what the other saw
            memory = Path(settings.DATA_DIR, f"remembered-{user.pk}.json")
            known = set(json.loads(memory.read_text())) if memory.exists() else set()
            known |= {str(pk) for pk in visible_to(self, user).values_list("pk", flat=True)}
            memory.write_text(json.dumps(sorted(known)))
            return self.filter(pk__in=known).annotate(granted_at=F("created_at"))

        return remembering

    _replace(FileQuerySet, "visible_to", make)


def _redirect() -> None:
    from django.http import HttpResponseRedirect

    from portal.files.views import delivery

    def make(send_file: Any) -> Any:
        def redirecting(*args: Any, **kwargs: Any) -> Any:
            answer = send_file(*args, **kwargs)
            url = answer.headers.get("Xaccel-Url")
            return answer if url is None else HttpResponseRedirect(url)

        return redirecting

    _replace(delivery, "send_file", make)


def _through_python() -> None:
    from django.apps import apps
    from django.conf import settings

    from xaccel.django.conf import configuration

    settings.XACCEL["DELIVERY"] = "stream"
    # With DEBUG off send_file refuses it.
    vars(apps.get_app_config("xaccel"))["debug_at_start"] = True
    configuration.cache_clear()


def _trail_forgotten() -> None:
    from xaccel.django import download_authorized, download_denied

    for signal in (download_authorized, download_denied):
        if not signal.disconnect(dispatch_uid="xaccel.audit.record"):
            raise LookupError("the audit trail is connected under another name")


def _refusals_forgotten() -> None:
    from xaccel.django import download_denied

    if not download_denied.disconnect(dispatch_uid="xaccel.audit.record"):
        raise LookupError("the audit trail is connected under another name")


def _one_id_for_all() -> None:
    from xaccel import sender

    _replace(
        sender, "new_transfer_id", lambda new_transfer_id: lambda now: "018f0000-0000-7000-8000-000000000000"
    )


def _bucket_on_a_page() -> None:
    from django.conf import settings

    from portal.files.views.my_files import MyFiles

    bucket = settings.XACCEL["ORIGINS"]["documents"]["bucket"]

    def make(get_context_data: Any) -> Any:
        def telling(self: Any, **kwargs: Any) -> Any:
            context = get_context_data(self, **kwargs)
            for file in context["files"]:
                file.content_type = f"application/x; store={bucket}"
                file.name = f"{file.name} ({bucket})"
            return context

        return telling

    _replace(MyFiles, "get_context_data", make)


BREAKS: dict[str, Break] = {
    "head-signed-as-get": _sign_as_get,
    "wrong-object": _decode_once_too_often,
    "file-name-broken": _name_as_it_is,
    "permission-not-checked": _everything_visible,
    "revocation-ignored": _grants_outlive_removal,
    "redirect-instead-of-hand-off": _redirect,
    "bytes-streamed-through-python": _through_python,
    "refusals-forgotten": _refusals_forgotten,
    "trail-forgotten": _trail_forgotten,
    "one-id-for-all": _one_id_for_all,
    "bucket-on-a-page": _bucket_on_a_page,
}
