"""Addresses of the portal."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import path
from django.views.decorators.clickjacking import xframe_options_sameorigin

from portal.files import views

admin.site.site_header = admin.site.site_title = "File portal administration"
admin.site.index_title = "Files, users and downloads"

handler500 = views.failed

urlpatterns = [
    path("", views.MyFiles.as_view(), name="files"),
    path("downloads", views.MyDownloads.as_view(), name="downloads"),
    path("statistics", views.Statistics.as_view(), name="statistics"),
    path("upload/", views.upload, name="upload"),
    path("files/zip", views.archive, name="zip"),
    path("files/<uuid:pk>/preview", views.preview, name="preview"),
    path("files/<uuid:pk>/begun", views.begun, name="begun"),
    path("files/<uuid:pk>/download", views.deliver, {"as_attachment": True}, name="download"),
    path(
        "open/<uuid:pk>",
        # the preview shows the file in a frame of its page
        xframe_options_sameorigin(views.deliver),
        {"as_attachment": False},
        name="open",
    ),
    path("login", views.SignIn.as_view(redirect_authenticated_user=True), name="login"),
    path("logout", auth_views.LogoutView.as_view(), name="logout"),
    path("favicon.ico", views.favicon),
    path("admin/", admin.site.urls),
]
