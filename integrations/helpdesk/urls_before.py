"""The administration, django-helpdesk, and its media as a web server sends them, which asks nobody."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.static import serve

urlpatterns = [
    path("admin/", admin.site.urls),
    path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
    path("helpdesk/", include("helpdesk.urls", namespace="helpdesk")),
]
