"""The views: a document is for those who know the word."""

from django.urls import path

from xaccel.django import deny_download, send_file


def document(request, key):
    if request.GET.get("word") != "friend":
        deny_download(request, key=key, reason="the word is wrong")
    return send_file(request, key, filename=f"Document {key}", as_attachment=True)


urlpatterns = [path("documents/<path:key>", document)]
