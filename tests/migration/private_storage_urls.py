"""The two views of django-private-storage, by path and by object, on a disk and on S3; and what takes their place."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import path, re_path

from tests.migration.library.models import Document
from tests.migration.side import BEFORE

if BEFORE:
    from django.core.files.storage import storages
    from private_storage.servers import get_server_class
    from private_storage.views import PrivateStorageDetailView, PrivateStorageView

    class Remote(PrivateStorageView):
        storage = storages["bucket"]
        server_class = get_server_class("django")

    class DocumentDownload(PrivateStorageDetailView):
        model = Document
        content_disposition = "attachment"

        def get_content_disposition_filename(self, private_file):
            return self.request.GET.get("name") or super().get_content_disposition_filename(private_file)

    private_media = PrivateStorageView.as_view()
    remote = Remote.as_view()
else:
    from xaccel.django import DownloadView, send_file
    from xaccel.errors import KeyRefused

    def private_file(request, path, origin):
        if not request.user.is_staff:
            raise PermissionDenied
        try:
            return send_file(request, path, origin=origin)
        except KeyRefused as refused:
            raise Http404 from refused

    def private_media(request, path):
        return private_file(request, path, "private")

    def remote(request, path):
        return private_file(request, path, "bucket")

    class DocumentDownload(DownloadView):
        model = Document

        def has_permission(self):
            return self.request.user.is_staff

        def get_filename(self):
            return self.request.GET.get("name")


urlpatterns = [
    re_path("^private-media/(?P<path>.*)$", private_media, name="serve_private_file"),
    re_path("^remote/(?P<path>.*)$", remote),
    path("document/<int:pk>", DocumentDownload.as_view()),
]
