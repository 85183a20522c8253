"""Four of the views of django-downloadview, and what takes their place."""

import os

from django.core.exceptions import PermissionDenied
from django.urls import path

from tests.migration.library.models import Document
from tests.migration.side import BEFORE, BUCKET, MEDIA, PARTNER


def members_only(view):
    def checked(request, *args, **kwargs):
        if not request.user.is_authenticated:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


if BEFORE:
    from django.core.files.storage import storages
    from django_downloadview import (
        HTTPDownloadView,
        ObjectDownloadView,
        PathDownloadView,
        StorageDownloadView,
    )
    from django_downloadview.nginx import x_accel_redirect

    class NamedDownload(ObjectDownloadView):
        model = Document

        def get_basename(self):
            return self.request.GET.get("name")

    class PathDownload(PathDownloadView):
        def get_path(self):
            return f"{MEDIA}/protected/{super().get_path()}"

    class PartnerDownload(HTTPDownloadView):
        def get_url(self):
            return PARTNER + self.kwargs["path"]

    named = NamedDownload.as_view()
    inline = NamedDownload.as_view(attachment=False)
    by_path = PathDownload.as_view()
    in_bucket = StorageDownloadView.as_view(storage=storages["bucket"])
    partner = PartnerDownload.as_view()
    ruled = x_accel_redirect(
        in_bucket,
        source_url=f"{os.environ['AWS_ENDPOINT_URL_S3']}/{BUCKET}/",
        destination_url="/optimized-remote/",
    )
else:
    from xaccel.django import DownloadView, send_file

    class NamedDownload(DownloadView):
        model = Document

        def has_permission(self):
            return self.request.user.is_authenticated

        def get_filename(self):
            return self.request.GET.get("name")

    named = NamedDownload.as_view()
    inline = NamedDownload.as_view(as_attachment=False)

    def by_path(request, path):
        return send_file(request, path, origin="files", as_attachment=True)

    def in_bucket(request, path):
        return send_file(request, path, origin="bucket", as_attachment=True)

    def partner(request, path):
        return send_file(request, url=PARTNER + path, as_attachment=True)

    ruled = in_bucket


urlpatterns = [
    path("document/<int:pk>", members_only(named)),
    path("inline/<int:pk>", members_only(inline)),
    path("path/<path:path>", members_only(by_path)),
    path("bucket/<path:path>", members_only(in_bucket)),
    path("partner/<path:path>", members_only(partner)),
    path("ruled/<path:path>", members_only(ruled)),
]
