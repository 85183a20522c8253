"""The administration, filer's links, and filer's views for private files."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("filer/", include("filer.urls")),
    path("", include("filer.server.urls")),
]
