"""The same addresses with the drop-in."""

from django.contrib import admin
from django.urls import include, path

from integrations.helpdesk.attachments import Attachments

urlpatterns = [
    path("admin/", admin.site.urls),
    path("media/<path:name>", Attachments.as_view()),
    path("helpdesk/", include("helpdesk.urls", namespace="helpdesk")),
]
