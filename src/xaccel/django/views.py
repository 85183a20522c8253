"""A download as a class-based view: one object, one permission, one file."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.generic import View
from django.views.generic.detail import SingleObjectMixin

from xaccel.decisions import DeniedStatus
from xaccel.django.conf import configuration, recorded_bucket
from xaccel.django.decisions import deny_download
from xaccel.django.send_file import send_file
from xaccel.options import SendOptions

if TYPE_CHECKING:
    _SingleObject = SingleObjectMixin[Any]
else:
    _SingleObject = SingleObjectMixin


class DownloadView(_SingleObject, View):
    """Send the file of one object, found as in DetailView, to whom `has_permission` allows it.

    A refusal sends `download_denied`. For example:

        # views.py
        class DocumentDownload(DownloadView):
            model = Document

            def has_permission(self):
                return self.object.owner == self.request.user

    file_field: name of the object's FileField.
    origin: name of the site's origin; None: the one that holds the file's storage.
    denied_status: 403, or 404 to hide that the object exists.
    """

    file_field: ClassVar[str] = "file"
    origin: str | None = None
    as_attachment: bool = True
    denied_status: DeniedStatus = 403
    object: Any
    request: HttpRequest

    def has_permission(self) -> bool:
        """Tell whether `self.request.user` may have `self.object`. Must be overridden."""
        raise ImproperlyConfigured(
            f"{type(self).__qualname__} does not say who may download: override has_permission()."
        )

    def get_file(self) -> FieldFile | str:
        """Return the value of a FileField, or an object key in `origin`. An empty one gives 404."""
        file: FieldFile = getattr(self.object, self.file_field)
        return file

    def get_bucket(self) -> str | None:
        """Return which bucket, for an object key in an origin of many; a FileField's storage names it itself."""
        return None

    def get_filename(self) -> str | None:
        """Return the name that the user sees; None: the last segment of the object key."""
        return None

    def get_options(self) -> SendOptions:
        """Return the keywords for `send_file`. An override extends what this returns."""
        return {"as_attachment": self.as_attachment, "filename": self.get_filename()}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Respond to GET and HEAD."""
        self.object = self.get_object()
        allowed = self.has_permission()
        if inspect.isawaitable(allowed):  # it would count as true
            if inspect.iscoroutine(allowed):
                allowed.close()
            name = type(self).__qualname__
            raise ImproperlyConfigured(f"{name}.has_permission() is async: call asend_file in an async view.")
        if not allowed:
            deny_download(request, **self._denied())
        file = self.get_file()
        if not file:
            raise Http404
        return send_file(request, file, origin=self.origin, bucket=self.get_bucket(), **self.get_options())

    def _denied(self) -> dict[str, Any]:
        """Return what is known about the file, for the record."""
        file = self.get_file()
        key = (file.name if isinstance(file, FieldFile) else file) or ""
        record = {"origin": self.origin or "", "bucket": "", "key": key}
        if key:
            # A refusal must not turn into an error page because the file could not have been sent anyway: a storage of
            # an unknown kind may raise anything.
            with suppress(Exception):
                ref = configuration().objects.find(file, origin=self.origin, bucket=self.get_bucket())
                bucket = recorded_bucket(ref.origin, ref.bucket or "")
                record = {"origin": ref.origin, "bucket": bucket, "key": ref.key}
        return {"status": self.denied_status, "reason": "has_permission", **record}
