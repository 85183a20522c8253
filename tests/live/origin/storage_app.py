"""The app of the live tests of storages: real storages in STORAGES, and one view that sends a file of any of them.

`GET /send?q={"storage": …, "name": …, "options": {…}}` sends a FieldFile; with "origin" and "key" it sends by key.
`"tamper": true` changes the signature, as somebody would who has no key. `GET /stream?q=…` does it without NGINX.
`GET /seed` makes the files, and tells the site that the settings mean. All in one process: each loads three SDKs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
import uuid
from base64 import urlsafe_b64encode
from functools import cached_property
from pathlib import Path
from typing import Any

import django
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.wsgi import get_wsgi_application
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import path
from storages.backends.azure_storage import AzureStorage

from xaccel.django import send_file
from xaccel.django.conf import configuration

GIVEN = json.loads(Path(os.environ["LIVE_STORAGES"]).read_text())


def _storages() -> dict[str, Any]:
    from google.oauth2.service_account import Credentials

    for entry in GIVEN["storages"].values():
        if "credentials" in entry["OPTIONS"]:
            info = entry["OPTIONS"]["credentials"]
            entry["OPTIONS"]["credentials"] = Credentials.from_service_account_info(info)
    return {"staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"}, **GIVEN["storages"]}


if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["xaccel.django"],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        STORAGES=_storages(),
        XACCEL=GIVEN["xaccel"],
        USE_TZ=True,
    )
    django.setup()


class Presigned(Storage):
    """A storage that xaccel does not know: its url() is absolute, signed for GET."""

    def __init__(self, **options: str) -> None:
        self.options = options

    @cached_property
    def client(self) -> Any:
        import botocore.session
        from botocore.config import Config

        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.options["endpoint"],
            region_name="us-east-1",
            aws_access_key_id=self.options["access_key"],
            aws_secret_access_key=self.options["secret_key"],
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def url(self, name: str | None) -> str:
        asked = {"Bucket": self.options["bucket"], "Key": name}
        made: str = self.client.generate_presigned_url("get_object", Params=asked)
        return made


class Identity:
    """Who gets a token, as `azure-identity` would; the emulator believes it."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        now, tenant = int(time.time()), str(uuid.UUID(int=1))
        issuer = f"https://sts.windows.net/{tenant}/"
        times = {"iat": now - 60, "nbf": now - 60, "exp": now + 3600}
        claims = {"aud": "https://storage.azure.com", "iss": issuer, "tid": tenant, "oid": tenant, **times}
        parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims, {}))
        return AccessToken(
            ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts), now + 3600
        )


class Delegated(AzureStorage):
    """Azure by a user delegation key. The emulator's account is no host but a path, which the storage cannot say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.token_credential = Identity()
        self._service_client = BlobServiceClient(credential=self.token_credential, **self.client_options)


def send(request: HttpRequest) -> HttpResponseBase:
    asked = json.loads(request.GET["q"])
    if "key" in asked:
        response = send_file(request, asked["key"], origin=asked["origin"], **asked.get("options", {}))
    else:
        field: Any = FileField(storage=storages[asked["storage"]])
        file = FieldFile(None, field, asked["name"])  # type: ignore[arg-type]
        response = send_file(request, file, **asked.get("options", {}))
    if asked.get("tamper"):
        response["Xaccel-Url"] = re.sub(
            "((?:Signature|sig)=)(....)",
            lambda found: found[1] + ("AAAA" if found[2] != "AAAA" else "BBBB"),
            response["Xaccel-Url"],
        )
    return response


def without_nginx(request: HttpRequest) -> HttpResponseBase:
    with override_settings(DEBUG=True, XACCEL={**settings.XACCEL, "DELIVERY": "stream"}):
        return send(request)


def seed(request: HttpRequest) -> HttpResponseBase:
    """Make bucket and container, and store the files by the storages themselves."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    google = storages["google"]
    # A service account would fetch a token first; for signing it needs none.
    google._client = Client(project="acme", credentials=AnonymousCredentials())
    google.client.create_bucket(google.bucket_name)
    for alias in ("azure", "delegated"):
        storages[alias].client.create_container()
    for alias in ("google", "azure", "delegated"):
        for name, text in GIVEN["files"].items():
            assert storages[alias].save(name, ContentFile(text.encode())) == name
    google._client = google._bucket = None
    site = configuration().site
    origins = {
        name: {"type": origin.type, **dataclasses.asdict(origin)} for name, origin in site.origins.items()
    }
    return JsonResponse({**settings.XACCEL, "ORIGINS": origins, "SECRET": site.secrets})


urlpatterns = [path("send", send), path("stream", without_nginx), path("seed", seed)]
application = get_wsgi_application()
