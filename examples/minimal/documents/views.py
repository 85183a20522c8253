from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.generic import TemplateView

from xaccel.django import send_file


@login_required
def download(request, pk):
    document = get_object_or_404(request.user.document_set, pk=pk)
    return send_file(request, document.file, filename=f"{document.title}.pdf", as_attachment=True)


urlpatterns = [
    path("", login_required(TemplateView.as_view(template_name="documents.html"))),
    path("documents/<int:pk>", download, name="download"),
    path("login", LoginView.as_view(template_name="admin/login.html"), name="login"),
    path("admin/", admin.site.urls),
]
