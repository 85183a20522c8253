"""The app: `GET /send/file`, `/asend/scan`: the field of the tenant's only document, through NGINX or read by Django.

`python -m tests.live.origin.tenancy.app` makes the schemas, the tenants and their files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.files.base import ContentFile
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

GIVEN = json.loads(Path(os.environ["LIVE_TENANTS"]).read_text())

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    INSTALLED_APPS=[
        "django_tenants",
        "django.contrib.contenttypes",
        "xaccel.django",
        "tests.live.origin.tenancy",
    ],
    SHARED_APPS=["django_tenants", "tests.live.origin.tenancy"],
    TENANT_APPS=["tests.live.origin.tenancy"],
    TENANT_MODEL="tenancy.Tenant",
    TENANT_DOMAIN_MODEL="tenancy.Domain",
    MIDDLEWARE=["xaccel.django.HandOffMiddleware", "django_tenants.middleware.main.TenantMainMiddleware"],
    DATABASES={"default": {"ENGINE": "django_tenants.postgresql_backend", **GIVEN["database"]}},
    DATABASE_ROUTERS=["django_tenants.routers.TenantSyncRouter"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MEDIA_ROOT=GIVEN["media"],
    STORAGES={
        "default": {"BACKEND": "django_tenants.files.storage.TenantFileSystemStorage"},
        "bucket": {"BACKEND": "tests.live.origin.tenancy.models.TenantS3Storage", "OPTIONS": GIVEN["s3"]},
    },
    BUCKET_OF=GIVEN["bucket_of"],
    XACCEL=GIVEN["xaccel"],
    USE_TZ=True,
)
django.setup()

from django.db import connection  # noqa: E402
from django_tenants.utils import schema_context  # noqa: E402

from tests.live.origin.tenancy.models import Document, Domain, Tenant  # noqa: E402
from xaccel.django import asend_file, send_file  # noqa: E402


def send(request: HttpRequest, field: str) -> HttpResponseBase:
    return send_file(request, getattr(Document.objects.get(), field))


async def asend(request: HttpRequest, field: str) -> HttpResponseBase:
    return await asend_file(request, getattr(await Document.objects.aget(), field))


def read(request: HttpRequest, field: str) -> HttpResponse:
    return HttpResponse(getattr(Document.objects.get(), field).read())


def seed() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Tenant)
        editor.create_model(Domain)
    for name in GIVEN["tenants"]:
        tenant = Tenant.objects.create(schema_name=name)
        Domain.objects.create(domain=f"{name}.test", tenant=tenant, is_primary=True)
        connection.cursor().execute(f'CREATE SCHEMA "{name}"')
        with schema_context(name):
            with connection.schema_editor() as editor:
                editor.create_model(Document)
            document = Document()
            for field in ("file", "scan"):
                getattr(document, field).save("invoice.pdf", ContentFile(f"{field} of {name}".encode()))


urlpatterns = [path("send/<field>", send), path("asend/<field>", asend), path("read/<field>", read)]
wsgi, asgi = get_wsgi_application(), get_asgi_application()

if __name__ == "__main__":
    seed()
