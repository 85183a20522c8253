"""One path for each contender, and one for a page."""

from __future__ import annotations

from django.urls import path

from benchmarks.contenders import (
    classic_recipe,
    downloadview,
    empty,
    presigned,
    private_storage_view,
    sendfile2,
    storages_stream,
    xaccel_send,
)

urlpatterns = [
    path("page", empty.page),
    path("empty/<str:name>", empty.empty),
    path("xaccel/<str:name>", xaccel_send.s3),
    path("xaccel-cached/<str:name>", xaccel_send.cached),
    path("xaccel-directory/<str:name>", xaccel_send.directory),
    path("granted/<str:name>", xaccel_send.granted),
    path("granted/<str:origin>/<str:name>/<str:below>", xaccel_send.folder),
    path("classic/<str:name>", classic_recipe.download),
    path("sendfile2/<str:name>", sendfile2.download),
    path("downloadview/<str:name>", downloadview.download),
    path("presigned/<str:name>", presigned.download),
    path("storages/<str:name>", storages_stream.download),
    path("private-storage/<str:name>", private_storage_view.download),
]
