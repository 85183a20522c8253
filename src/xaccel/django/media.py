"""Private media: `storage.url()` is an address of the app, and one view there decides and sends.

So everything that prints `storage.url()` works unchanged: admin previews, thumbnails, renditions, rich text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, storages
from django.db.models import FileField, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest
from django.utils.encoding import filepath_to_uri

from xaccel.django.views import DownloadView

__all__ = ["AppURLs", "MediaView", "find_row"]

_Row = TypeVar("_Row", bound=Model)

if TYPE_CHECKING:
    _Storage = Storage
else:
    _Storage = object


class AppURLs(_Storage):
    """A mixin for storages: `url()` returns an address of the app, to which a `MediaView` responds.

    base_url: what all addresses begin with, a path or a URL that ends with "/". For example:

        # storages.py
        class PrivateMedia(AppURLs, S3Storage):
            base_url = "/media/"
    """

    base_url: str = ""

    def url(self, name: str | None, *args: Any, **options: Any) -> str:
        """Return the address of a file. Arguments of the storage's own `url()` have no meaning here."""
        if not self.base_url.endswith("/"):
            what = f"{type(self).__qualname__}.base_url is {self.base_url!r}, which does not end with '/'"
            raise ImproperlyConfigured(
                f"{what}: set it to where your URLconf has MediaView, such as '/media/'."
            )
        return self.base_url + (filepath_to_uri(name) or "").lstrip("/")

    def storage_url(self, name: str | None) -> str:
        """Return the storage's own URL of a file. NGINX requests it if xaccel does not know the kind of storage."""
        own: str = super().url(name)
        return own


class MediaView(DownloadView):
    """Send the files of a storage by name, to users that `permission` allows. Its URL pattern needs `<path:name>`.

    Browsers show the file, unless `as_attachment`. A name that the storage would normalise, such as "a/../b", is 404.

    storage: an alias of STORAGES, or a storage.
    permission: a function of the request and the file's name in the storage; true if the user may have it.
    allow_anonymous: ask `permission` about anonymous users too, who are refused otherwise.

    For example:

        # urls.py
        def may_see(request, name):
            return request.user.is_staff or name.startswith("logos/")


        urlpatterns = [path("media/<path:name>", MediaView.as_view(permission=may_see))]
    """

    storage: str | Storage = "default"
    permission: Callable[[HttpRequest, str], bool] | None = None
    allow_anonymous: bool = False
    as_attachment: bool = False

    @classmethod
    def as_view(cls, **options: Any) -> Any:
        """Return the view for a URL pattern. Raises ImproperlyConfigured without `permission`."""
        if options.get("permission", cls.permission) is None:
            what = f"{cls.__qualname__} has no permission= that says who may have a file"
            raise ImproperlyConfigured(f"{what}: give it a function of the request and the file's name.")
        return super().as_view(**options)

    def get_object(self, queryset: Any = None) -> FieldFile:
        """Return the file of the name in the address. Raises Http404 for a name that is not the storage's own."""
        name: str = self.kwargs["name"]
        # Storages normalise a name, and would send another file than the one that `permission` was asked about.
        if "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
            raise Http404
        storage = storages[self.storage] if isinstance(self.storage, str) else self.storage
        return FieldFile(None, FileField(storage=storage), name)  # type: ignore[arg-type]

    def get_file(self) -> FieldFile:
        """Return the file."""
        file: FieldFile = self.object
        return file

    def has_permission(self) -> bool:
        """Tell whether `permission` allows the file to the user."""
        user = getattr(self.request, "user", None)
        if not self.allow_anonymous and (user is None or not user.is_authenticated):
            return False
        assert self.permission is not None, "as_view refuses that"
        return self.permission(self.request, self.object.name)


def find_row(rows: QuerySet[_Row], name: str, *, field: str = "file") -> _Row | None:
    """Return the row whose file has exactly this name, for a `permission`; None if there is none.

    MySQL and MariaDB take "A.jpg", "á.jpg" and "a.jpg " for "a.jpg": `rows.filter(file=name)` then finds the row of
    another file, and NGINX sends the file that was asked for. field: the FileField. For example:

        def may_see(request, name):
            return find_row(request.user.photo_set.all(), name, field="image") is not None
    """
    alike = rows.filter(**{field: name}).iterator()
    return next((row for row in alike if getattr(row, field).name == name), None)
