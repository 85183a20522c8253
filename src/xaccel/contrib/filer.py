"""Private files and thumbnails of django-filer in a bucket: NGINX sends them, after filer's own check."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from easy_thumbnails.files import ThumbnailFile
from filer.server.backends.base import ServerBase
from filer.utils.filer_easy_thumbnails import thumbnail_to_original_filename
from storages.backends.s3 import S3Storage

from xaccel.django import send_file
from xaccel.django.media import AppURLs, find_row


class PrivateS3Storage(AppURLs, S3Storage):
    """A private storage for `FILER_STORAGES`, with the option `base_url`: files have addresses of filer there."""

    is_secure = True

    def get_default_settings(self) -> dict[str, Any]:
        """Accept `base_url` in `OPTIONS`."""
        return {**super().get_default_settings(), "base_url": ""}


class NginxServer(ServerBase):
    """A server for `FILER_SERVERS`, for files and for thumbnails."""

    def serve(self, request: HttpRequest, filer_file: Any, **kwargs: Any) -> HttpResponse:
        """Hand the file to NGINX. filer has asked `has_read_permission`.

        Raises Http404 for a thumbnail of a file that has no row of exactly its name. filer asks the row that the
        database finds, and MariaDB finds "a.jpg" for "A.jpg".
        """
        if isinstance(filer_file, ThumbnailFile):
            from filer.models import File  # the models import this module first

            source = thumbnail_to_original_filename(filer_file.name) or ""
            if find_row(File.objects.filter(is_public=False), source) is None:
                raise Http404
            return send_file(request, filer_file, content_type=filer_file.mime_type)
        save_as = kwargs.get("save_as", False)
        return send_file(
            request,
            filer_file.file,
            filename=save_as if isinstance(save_as, str) else filer_file.original_filename,
            content_type=filer_file.mime_type,
            size=filer_file.size,
            as_attachment=save_as is not False,
        )
