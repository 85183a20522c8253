"""Storages whose own SDKs sign: what NGINX is told to ask for is what their SDK signed, checked with the public key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import inspect
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import async_to_sync
from azure.core.exceptions import ClientAuthenticationError
from django.core.files.storage import InMemoryStorage, Storage
from django.test import AsyncRequestFactory, RequestFactory
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.service_account import Credentials
from storages.backends.azure_storage import AzureStorage
from storages.backends.gcloud import GoogleCloudStorage
from storages.backends.s3 import S3Storage

from docs.generated.engine import hidden_headers
from tests.django.storage_files import GET, STORAGE, describe, file_on
from tests.signatures import cloudfront_says, google_says, private_pem, service_account
from xaccel import ConfigError, ConfigErrors, HTTPOrigin, OriginNotAllowed
from xaccel.django import asend_file, send_file
from xaccel.django.conf import configuration
from xaccel.errors import CredentialsUnavailable, KeyRefused, OptionRefused, OriginUnknown
from xaccel.site.origins import S3Origin

HEAD = RequestFactory().head("/")
KEY = base64.b64encode(b"k" * 64).decode()
HARD = "2026/März (1) 100% 'q' & #1;=~!*.pdf"


OPTIONS: dict[str, dict[str, Any]] = {
    "google": {
        "bucket_name": "acme-documents",
        "project_id": "acme",
        "location": "tenant-a",
        "credentials": Credentials.from_service_account_info(service_account()),  # type: ignore[no-untyped-call]
    },
    "azure": {
        "account_name": "acme",
        "account_key": KEY,
        "azure_container": "documents",
        "location": "tenant-a",
    },
    "cdn": {
        **STORAGE,
        "custom_domain": "cdn.acme.example",
        "cloudfront_key_id": "K2ACME",
        "cloudfront_key": private_pem(),
        "querystring_expire": 600,
    },
}


def google(**options: Any) -> GoogleCloudStorage:
    return GoogleCloudStorage(**{**OPTIONS["google"], **options})


def azure(**options: Any) -> AzureStorage:
    return AzureStorage(**{**OPTIONS["azure"], **options})


def behind_cloudfront(**options: Any) -> S3Storage:
    return S3Storage(**{**OPTIONS["cdn"], **options})


class Absolute(Storage):
    """A storage that nobody here knows."""

    base = "https://files.partner.example/out/"
    query = "?token=secret-token&e=1"

    def url(self, name: str | None) -> str:
        return f"{self.base}{name}{self.query}"


CLASSES = {
    "google": ("storages.backends.gcloud.GoogleCloudStorage", google),
    "azure": ("storages.backends.azure_storage.AzureStorage", azure),
    "cdn": ("storages.backends.s3.S3Storage", behind_cloudfront),
}


@pytest.fixture
def named(site: Any, settings: Any) -> Callable[..., None]:
    """Make a site whose one origin names a storage of a kind."""

    def make(kind: str, **more: Any) -> None:
        settings.STORAGES = {"default": {"BACKEND": CLASSES[kind][0], "OPTIONS": OPTIONS[kind]}}
        site(ORIGINS={"docs": {"storage": "default", **more}}, CACHE={"path": "cache"})

    return make


def sas_says(url: str) -> str:
    """What Azure would find wrong with a service SAS of version 2020-12-06 and newer; "" for nothing.

    https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
    """
    parts = urlsplit(url)
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    from urllib.parse import unquote

    resource = f"/blob/acme{unquote(parts.path)}"
    fields = [
        given.get("sp", ""),
        given.get("st", ""),
        given.get("se", ""),
        resource,
        "",
        "",
        given.get("spr", ""),
    ]
    fields += [given["sv"], given["sr"], "", "", "", "", "", "", ""]
    digest = hmac.new(base64.b64decode(KEY), "\n".join(fields).encode(), hashlib.sha256).digest()
    return "" if base64.b64encode(digest).decode() == given["sig"] else "another signature"


@pytest.mark.parametrize("name", ["x.pdf", HARD])
@pytest.mark.parametrize("request_", [GET, HEAD], ids=["GET", "HEAD"])
def test_google_signs_for_the_method(named: Any, request_: Any, name: str) -> None:
    named("google")
    answer = send_file(request_, file_on(google(), name))
    url = urlsplit(answer["Xaccel-Url"])
    other = "HEAD" if request_ is GET else "GET"
    assert answer["X-Accel-Redirect"] == "/_xaccel/docs"
    assert answer.get("Xaccel-Method", "GET") == request_.method
    assert (url.scheme, url.netloc) == ("https", "storage.googleapis.com")
    assert url.path.startswith("/acme-documents/tenant-a/")
    assert google_says(request_.method, url.netloc, f"{url.path}?{url.query}") == ""
    assert google_says(other, url.netloc, f"{url.path}?{url.query}") == "another signature"


@pytest.mark.parametrize("kind", ["google", "azure", "cdn"])
def test_a_cached_object_is_signed_for_get_and_its_entry_has_no_signature(named: Any, kind: str) -> None:
    named(kind, cache=True)
    storage = CLASSES[kind][1]()
    first = send_file(HEAD, file_on(storage, HARD), cache_version="7")
    expires = {"google": {"expiration": timedelta(hours=2)}, "azure": {"expiration_secs": 7200}}
    later = CLASSES[kind][1](**expires.get(kind, {"querystring_expire": 7200}))
    second = send_file(GET, file_on(later, HARD), cache_version="7")
    assert first["Xaccel-Url"] != second["Xaccel-Url"]
    assert first["Xaccel-Cache-Key"] == second["Xaccel-Cache-Key"]
    assert "Xaccel-Method" not in first
    other = send_file(GET, file_on(storage, "other"), cache_version="7")
    assert other["Xaccel-Cache-Key"] != first["Xaccel-Cache-Key"]


@pytest.mark.parametrize("request_", [GET, HEAD], ids=["GET", "HEAD"])
@pytest.mark.parametrize("name", ["x.pdf", HARD])
def test_a_sas_is_azures_own_and_serves_both_methods(named: Any, request_: Any, name: str) -> None:
    named("azure")
    answer = send_file(request_, file_on(azure(), name))
    url = answer["Xaccel-Url"]
    assert url.startswith("https://acme.blob.core.windows.net/documents/tenant-a/")
    assert parse_qs(urlsplit(url).query)["sp"] == ["r"]
    assert sas_says(url) == ""
    assert answer.get("Xaccel-Method", "GET") == request_.method


@pytest.mark.parametrize("name", ["x.pdf", HARD])
def test_cloudfront_is_asked_with_the_storages_own_signer(named: Any, name: str) -> None:
    named("cdn")
    url = send_file(GET, file_on(behind_cloudfront(), name))["Xaccel-Url"]
    assert url.startswith("https://cdn.acme.example/tenant-a/")
    assert cloudfront_says(url) == ""
    assert cloudfront_says(url.replace("tenant-a", "tenant-b")) == "another signature"
    assert "X-Amz" not in url


@pytest.mark.parametrize("kind", ["google", "azure", "cdn"])
def test_a_storage_of_another_tenant_is_another_place(named: Any, kind: str) -> None:
    named(kind)
    for options in ({"location": "tenant-b"}, {"location": "tenant-a-of-others"}):
        with pytest.raises(OriginNotAllowed, match="storage"):
            send_file(GET, file_on(CLASSES[kind][1](**options), "x"))


@pytest.mark.parametrize("kind", ["google", "azure", "cdn"])
def test_a_key_is_signed_by_the_storage_of_its_origin(named: Any, kind: str) -> None:
    named(kind)
    assert "/tenant-a/a/x.pdf?" in send_file(GET, "a/x.pdf", origin="docs")["Xaccel-Url"]
    for key in ("a//x.pdf", "a/./x.pdf"):
        with pytest.raises((KeyRefused, OriginNotAllowed)):
            send_file(GET, key, origin="docs")


@pytest.mark.parametrize("kind", ["google", "azure", "cdn"])
def test_an_empty_name_or_one_that_leaves_the_location_is_refused(named: Any, kind: str) -> None:
    named(kind)
    for name in ("", "../tenant-b/x"):
        with pytest.raises(KeyRefused):
            send_file(GET, file_on(CLASSES[kind][1](), name))


ACME_GOOGLE, ACME_AZURE = (
    "https://storage.googleapis.com/acme-documents/",
    "https://acme.blob.core.windows.net/documents/",
)


@pytest.mark.parametrize(
    ("kind", "options", "base", "expires_s"),
    [
        ("google", {}, f"{ACME_GOOGLE}tenant-a/", 86400),
        ("google", {"expiration": 300, "location": ""}, ACME_GOOGLE, 300),
        ("google", {"custom_endpoint": "https://files.acme.example"}, "https://files.acme.example/tenant-a/", 86400),
        ("google", {"custom_endpoint": "files.acme.example"}, "http://files.acme.example/tenant-a/", 86400),
        ("google", {"querystring_auth": False}, f"{ACME_GOOGLE}tenant-a/", None),
        ("google", {"default_acl": "publicRead"}, f"{ACME_GOOGLE}tenant-a/", None),
        ("azure", {}, f"{ACME_AZURE}tenant-a/", 120),
        ("azure", {"expiration_secs": 60, "location": ""}, ACME_AZURE, 60),
        ("azure", {"custom_domain": "files.acme.example"}, "https://files.acme.example/documents/tenant-a/", 120),
        ("azure", {"azure_ssl": False}, "http://acme.blob.core.windows.net/documents/tenant-a/", 120),
        ("azure", {"account_key": None, "sas_token": "sv=1&sig=x"}, f"{ACME_AZURE}tenant-a/", 120),
    ],
)  # fmt: skip
def test_urls_of_an_sdk_have_the_right_host_and_validity(
    kind: str, options: Any, base: str, expires_s: int | None
) -> None:
    storage = CLASSES[kind][1](**options)
    assert describe(storage) == HTTPOrigin(base_url=base, expires_s=expires_s)
    assert kind == "azure" or storage._client is None
    url = storage.url("x")
    assert url.startswith(f"{base}x")
    assert kind == "azure" or ("?" in url) == (expires_s is not None)


def test_google_on_an_emulator_is_asked_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443")
    assert describe(google()) == HTTPOrigin(
        base_url="http://127.0.0.1:4443/acme-documents/tenant-a/", expires_s=86400
    )


def test_a_sas_that_the_settings_hold_is_sent_as_it_is(named: Any) -> None:
    named("azure")
    token = "sv=2020-12-06&sp=r&sig=abc%2Bdef%3D"
    url = send_file(GET, file_on(azure(account_key=None, sas_token=token), "x"))["Xaccel-Url"]
    assert url == f"https://acme.blob.core.windows.net/documents/tenant-a/x?{token}"


def test_a_domain_without_signer_is_not_asked_but_the_bucket() -> None:
    """`url()` of such a storage is for files that anybody may have; tutorials name the bucket's own host there."""
    for options in ({"custom_domain": "cdn.acme.example"}, {"custom_domain": "acme.s3.amazonaws.com"}):
        storage = S3Storage(**{**STORAGE, **options})
        assert isinstance(describe(storage), S3Origin)
        url = send_file(GET, file_on(storage, "x"))["Xaccel-Url"]
        assert url.startswith("https://acme-documents.s3.eu-central-1.amazonaws.com/tenant-a/x?X-Amz-")


def test_a_bucket_behind_cloudfront_is_used_if_the_site_names_it() -> None:
    """The site of the settings names the bucket and no domain."""
    answer = send_file(GET, file_on(behind_cloudfront(), "x"))
    assert answer["X-Accel-Redirect"] == "/_xaccel/documents"
    assert answer["Xaccel-Url"].startswith("https://acme-documents.s3.")


def test_a_domain_that_is_an_origin_is_used_without_a_signature_too(site: Any) -> None:
    base = "https://cdn.acme.example/"
    site(ORIGINS={"cdn": {"type": "http", "base_url": base}})
    storage = S3Storage(**{**STORAGE, "custom_domain": "cdn.acme.example"})
    assert send_file(GET, file_on(storage, "x"))["Xaccel-Url"] == f"{base}tenant-a/x"


def test_django_storages_signs_whatever_a_subclass_says_to_pages(named: Any) -> None:
    class Protected(GoogleCloudStorage):
        def url(self, name: str, parameters: Any = None) -> str:
            return f"/files/{name}"

    named("google")
    storage = Protected(**OPTIONS["google"])
    assert "X-Goog-Signature=" in send_file(GET, file_on(storage, "x"))["Xaccel-Url"]


def test_a_storage_with_absolute_urls_uses_the_origin_of_the_url() -> None:
    storage = Absolute()
    for request in (GET, HEAD):
        answer = send_file(request, file_on(storage, "a/x.pdf"))
        assert answer["X-Accel-Redirect"] == "/_xaccel/partner"
        assert answer["Xaccel-Url"] == "https://files.partner.example/out/a/x.pdf?token=secret-token&e=1"
        # nobody knows which method it is signed for but GET
        assert "Xaccel-Method" not in answer
    answer = async_to_sync(asend_file)(AsyncRequestFactory().get("/"), file_on(storage, "x"))
    assert answer["Xaccel-Url"].endswith("/out/x?token=secret-token&e=1")


@pytest.mark.parametrize(
    "base",
    [
        "https://files.partner.example.evil.example/out/",
        "https://files.partner.example/output/",
        "https://files.partner.example/out/../",
        "http://files.partner.example/out/",
        "https://files.partner.example:8443/out/",
        "http://169.254.169.254/latest/",
        "https://acme-documents.s3.eu-central-1.amazonaws.com/tenant-a/",
    ],
)
def test_a_url_of_another_place_is_refused_without_its_query_in_the_message(
    base: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Absolute()
    storage.base = base
    with caplog.at_level(logging.DEBUG), pytest.raises(OriginNotAllowed) as refused:
        send_file(GET, file_on(storage, "x"))
    assert "secret-token" not in f"{refused.value}{caplog.text}{refused.value.__cause__}"
    assert '"type": "http"' in refused.value.remedy or "without them" in refused.value.remedy


def test_a_bucket_url_is_not_signed_for_an_unknown_storage() -> None:
    storage = Absolute()
    storage.base, storage.query = "https://acme-documents.s3.eu-central-1.amazonaws.com/tenant-a/", ""
    with pytest.raises(OriginNotAllowed, match="HTTP origins"):
        send_file(GET, file_on(storage, "x"))


def test_a_storage_without_an_absolute_url_is_refused() -> None:
    for storage in (InMemoryStorage(base_url="/media/"), Storage()):
        with pytest.raises(OriginNotAllowed, match="is not a storage that xaccel can read"):
            send_file(GET, file_on(storage, "x"))


def test_a_function_makes_the_url_for_the_method(site: Any) -> None:
    options = {"base_url": "https://h.example/a/", "expires_s": 60}
    site(ORIGINS={"docs": {"type": "http", **options}})

    def signed(method: str) -> str:
        return f"https://h.example/a/x.pdf?for={method}"

    assert send_file(GET, url=signed, origin="docs")["Xaccel-Url"].endswith("?for=GET")
    head = send_file(HEAD, url=signed, origin="docs")
    assert (head["Xaccel-Url"][-4:], head["Xaccel-Method"]) == ("HEAD", "HEAD")
    with pytest.raises(OriginUnknown, match="origin="):
        send_file(GET, url=signed)
    with pytest.raises(OptionRefused, match="signed by the app"):
        send_file(GET, "x.pdf", origin="docs")


def test_a_missing_signing_key_is_reported_without_the_url(
    named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    named("google")
    without = google(credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    with pytest.raises(CredentialsUnavailable, match="GS_IAM_SIGN_BLOB"):
        send_file(GET, file_on(without, "x"))

    def none_found(**_: Any) -> None:
        raise DefaultCredentialsError("none")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", none_found)
    with pytest.raises(CredentialsUnavailable, match="DefaultCredentialsError"):
        send_file(GET, file_on(google(credentials=None), "x"))
    with pytest.raises(CredentialsUnavailable, match="GS_EXPIRATION"):
        send_file(GET, file_on(google(expiration=timedelta(days=8)), "x"))


class Refused:
    """A credential that gets no token, as those of azure-identity say it."""

    def get_token(self, *_: Any, **__: Any) -> Any:
        raise ClientAuthenticationError("AADSTS700016: application 1234 was not found")


def test_azure_without_a_delegation_key_is_an_error_that_names_the_role(
    named: Any,
) -> None:
    named("azure")
    # the SDK would try again for more than a minute
    storage = azure(account_key=None, token_credential=Refused(), client_options={"retry_total": 0})
    with pytest.raises(CredentialsUnavailable) as told:
        send_file(GET, file_on(storage, "x"))
    assert str(told.value) == (
        "file: the storage's SDK could not sign (ClientAuthenticationError). Set AZURE_ACCOUNT_KEY,"
        " AZURE_SAS_TOKEN or AZURE_TOKEN_CREDENTIAL. The identity of a token needs the role Storage Blob Delegator, to"
        " request a user delegation key."
    )


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("google", {"bucket_name": None}),
        ("azure", {"azure_container": None}),
        ("azure", {"account_name": None, "account_key": None}),
        ("azure", {"connection_string": "nonsense"}),
    ],
)
def test_a_storage_without_a_location_is_an_error_at_configuration_and_at_the_call(
    site: Any, settings: Any, kind: str, options: Any
) -> None:
    storage = CLASSES[kind][1](**options)
    with pytest.raises(ConfigError):
        describe(storage)
    with pytest.raises(OriginNotAllowed):
        send_file(GET, file_on(storage, "x"))
    settings.STORAGES = {"default": {"BACKEND": CLASSES[kind][0], "OPTIONS": {**OPTIONS[kind], **options}}}
    site(ORIGINS={"docs": {"storage": "default"}})
    with pytest.raises(ConfigErrors, match=r'ORIGINS"\]\["docs"\]\["storage"\]'):
        configuration()


def test_without_origins_each_alias_is_one_and_signs_its_keys(settings: Any) -> None:
    settings.STORAGES = {
        kind: {"BACKEND": CLASSES[kind][0], "OPTIONS": OPTIONS[kind]} for kind in ("google", "azure")
    }
    settings.XACCEL = {}
    assert "X-Goog-Signature=" in send_file(GET, "x", origin="google")["Xaccel-Url"]
    assert "&sig=" in send_file(GET, "x", origin="azure")["Xaccel-Url"]


def test_slices_only_where_the_signature_outlives_the_transfer(named: Any) -> None:
    named("azure", cache=True, expires_s=3600)
    file = file_on(azure(expiration_secs=3600), "x")
    assert "Xaccel-Slices" in send_file(GET, file, cache_version="7", size=100_000_000)
    for size in (None, 1_000_000_000):
        assert "Xaccel-Slices" not in send_file(GET, file, cache_version="7", size=size)


def test_signing_makes_no_network_request(named: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    for kind in ("google", "azure", "cdn"):
        named(kind)
        send_file(GET, file_on(CLASSES[kind][1](), "x"))


@pytest.mark.parametrize("operation", ["download", "get_properties"])
def test_every_header_that_azures_sdk_knows_of_an_answer_is_hidden(operation: str) -> None:
    """Names of metadata and of replication rules, x-ms-meta-… and x-ms-or-…, cannot be listed."""
    module = import_module("azure.storage.blob._generated.operations._blob_operations")
    source = inspect.getsource(getattr(module.BlobOperations, operation))
    known = {name.lower() for name in re.findall(r'response_headers\["([^"]+)"\]', source)}
    hidden = {name.lower() for names in hidden_headers().values() for name in names}
    assert len(known) > 40
    assert {name for name in known - hidden if name.startswith("x-")} == {"x-ms-meta", "x-ms-or"}
