"""Storages of three tenants on one real server: each object's bytes name the place that was read.

The hosts end in `.example` and lead to the server. An object of S3 is in the namespace of the key that signs for it, as
in Ceph, so wrong keys read wrong bytes too.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import Request as URLRequest
from urllib.request import urlopen

import pytest
from django.core.files.storage import FileSystemStorage
from google.oauth2.service_account import Credentials
from storages.backends.azure_storage import AzureStorage
from storages.backends.gcloud import GoogleCloudStorage
from storages.backends.s3 import S3Storage

from tests.django.storage_files import GET, file_on
from tests.servers.origin import Answer, Request, origin_server
from tests.signatures import service_account
from xaccel import InputRefused
from xaccel.django import send_file

NAME = "invoices/7.pdf"
OWNERS = ("shared", "one", "two")
"""The storage as its settings make it, and two tenants."""
_ACCESS_KEY = re.compile(r"Credential=([a-z]+)(?:/|%2F)")
_BEHIND_CDN: dict[str, Callable[[str], tuple[str, str, str]]] = {
    "s3-cdn.example": lambda path: ("shared.example", f"/acme-shared{path}", "shared"),
    "google-cdn.example": lambda path: ("google.example", f"/acme-shared{path}", ""),
    "azure-cdn.example": lambda path: ("shared.blob.core.example", path, ""),
}
"""Each CDN is in front of the shared bucket."""
_SUFFIX = {"shared": "core.example", "one": "one.example", "two": "two.example"}


@dataclass(frozen=True, slots=True)
class World:
    """The server's port, the directory of local files, and the account that signs for Google."""

    port: int
    folder: Path
    account: Credentials

    def storage(self, cls: type[Any], owner: str, has_cdn: bool = False) -> Any:
        """Make a storage of a class with the settings of an owner."""
        return cls(**self.options(cls, owner, has_cdn))

    def options(self, cls: type[Any], owner: str, has_cdn: bool = False) -> dict[str, Any]:
        """Return the settings of an owner."""
        if issubclass(cls, FileSystemStorage):
            return {"location": self.folder / owner}
        if issubclass(cls, S3Storage):
            keys = {
                "access_key": owner,
                "secret_key": owner,
                "endpoint_url": f"http://{owner}.example:{self.port}",
            }
            place = {"bucket_name": f"acme-{owner}", "location": f"in-{owner}", "region_name": "eu-central-1"}
            cdn = {"custom_domain": f"s3-cdn.example:{self.port}", "url_protocol": "http:"} if has_cdn else {}
            return {**keys, **place, **cdn, "addressing_style": "path"}
        if issubclass(cls, GoogleCloudStorage):
            place = {"bucket_name": f"acme-{owner}", "location": f"in-{owner}", "project_id": owner}
            cdn = {"custom_endpoint": f"http://google-cdn.example:{self.port}"} if has_cdn else {}
            return {**place, **cdn, "credentials": self.account}
        place = {"account_name": owner, "azure_container": f"acme-{owner}", "location": f"in-{owner}"}
        suffix = {"endpoint_suffix": f"{_SUFFIX[owner]}:{self.port}", "azure_ssl": False}
        cdn = {"custom_domain": f"azure-cdn.example:{self.port}"} if has_cdn else {}
        return {**place, **suffix, **cdn, "account_key": base64.b64encode(owner.encode() * 20).decode()}

    def origins(self) -> dict[str, Any]:
        """Return origins that cover all places, so that xaccel refuses no file only for its place."""
        hosts = [f"{owner}.blob.{suffix}" for owner in OWNERS for suffix in _SUFFIX.values()]
        hosts += ["google.example", *_BEHIND_CDN]
        servers = {
            host.replace(".", "-"): {
                "type": "http",
                "base_url": f"http://{host}:{self.port}/",
                "expires_s": 60,
            }
            for host in hosts
        }
        bucket = {"type": "s3", "bucket": "acme-*", "region": "eu-central-1", "addressing_style": "path"}
        buckets = {
            f"s3-{owner}": {**bucket, "endpoint_url": f"http://{owner}.example:{self.port}"}
            for owner in OWNERS
        }
        return {**servers, **buckets, "files": {"type": "local", "root": str(self.folder)}}

    def sent(self, storage: Any) -> bytes | None:
        """Return the bytes that NGINX would send after a hand-off, or None if xaccel refuses the file."""
        try:
            response = send_file(GET, file_on(storage, NAME))
        except InputRefused:
            return None
        except Exception:  # noqa: BLE001
            # The class is broken: Django cannot read either.
            assert isinstance(read(storage), Exception)
            return None
        if "Xaccel-Url" not in response:
            path = unquote(response["X-Accel-Redirect"]).removeprefix("/_xaccel/files/")
            return (self.folder / path).read_bytes()
        with urlopen(URLRequest(response["Xaccel-Url"]), timeout=20) as answer:
            body: bytes = answer.read()
        return body


def read(storage: Any) -> bytes | Exception:
    """Return the bytes that Django reads, or its error."""
    try:
        with storage.open(NAME) as file:
            content: bytes = file.read()
    except Exception as error:  # noqa: BLE001
        return error
    return content


@contextmanager
def world(folder: Path, monkeypatch: pytest.MonkeyPatch, site: Callable[..., None]) -> Iterator[World]:
    """Serve all storages, and make a site whose origins cover them."""
    resolve = socket.getaddrinfo

    def on_loopback(host: Any, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".example") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", on_loopback)
    for owner in OWNERS:
        file = folder / owner / NAME
        file.parent.mkdir(parents=True)
        file.write_bytes(f"{owner} {NAME}".encode())
    with origin_server(_answer) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://google.example:{server.port}")
        key = {**service_account(), "token_uri": f"http://google.example:{server.port}/token"}
        account = Credentials.from_service_account_info(key)  # type: ignore[no-untyped-call]
        made = World(server.port, folder, account)
        site(ORIGINS=made.origins())
        yield made


def _answer(request: Request) -> Answer:
    url = urlsplit(request.target)
    host = (request.header("Host") or "").partition(":")[0]
    path = unquote(url.path)
    if path == "/token":
        token = json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}).encode()
        return Answer(headers=[("Content-Type", "application/json")], body=token)
    if host == "google.example" and path.startswith(("/storage/v1/b/", "/download/storage/v1/b/")):
        bucket, _, key = path.partition("/b/")[2].partition("/o/")
        if path.startswith("/storage/"):
            described = json.dumps({"bucket": bucket, "name": key}).encode()
            return Answer(headers=[("Content-Type", "application/json")], body=described)
        path = f"/{bucket}/{key}"
    match = _ACCESS_KEY.search(f"{request.header('Authorization')} {url.query}")
    signer = match[1] if match else ""
    host, path, signer = _BEHIND_CDN[host](path) if host in _BEHIND_CDN else (host, path, signer)
    body = f"{host} {path} {signer}".encode()
    headers = [
        ("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT"),
        ("ETag", '"e"'),
        ("x-ms-blob-type", "BlockBlob"),
    ]
    if request.header("x-ms-range"):
        headers.append(("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}"))
        return Answer(206, headers, body)
    return Answer(200, headers, body)


KINDS: tuple[type[Any], ...] = (FileSystemStorage, S3Storage, GoogleCloudStorage, AzureStorage)
