"""Storages that answer for the tenant of the request: each call gets the place and the keys of its own tenant."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.local import Local
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from botocore import session
from botocore.config import Config
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import connections
from django.test import AsyncRequestFactory
from django_tenants.files.storage import TenantFileSystemStorage
from google.oauth2.service_account import Credentials
from storages.backends.azure_storage import AzureStorage
from storages.backends.gcloud import GoogleCloudStorage
from storages.backends.s3 import S3Storage

from tests.django.storage_files import GET, STORAGE, file_on
from tests.loop_time import MOST_MS, longest_turn_ms
from tests.signatures import private_pem, service_account
from xaccel import ConfigErrors, InputRefused
from xaccel.django import asend_file, send_file
from xaccel.django.conf import configuration
from xaccel.signing import endpoint

TENANT: ContextVar[int] = ContextVar("tenant", default=0)
KEYS = [base64.b64encode(byte * 64).decode() for byte in (b"k", b"l")]
SIGNERS = [S3Storage.get_cloudfront_signer(S3Storage(), key_id, private_pem()) for key_id in ("K1", "K2")]
CDN = {"custom_domain": "one.cdn.example", "cloudfront_key_id": "K1", "cloudfront_key": private_pem()}
S3 = {**STORAGE, "bucket_name": "acme-one"}
ACCOUNT = Credentials.from_service_account_info(service_account())  # type: ignore[no-untyped-call]
OTHER_ACCOUNT = Credentials.from_service_account_info(
    {**service_account(), "client_email": "two@acme.example"}
)  # type: ignore[no-untyped-call]
CONNECTIONS = [
    f"DefaultEndpointsProtocol=https;AccountName={name};AccountKey={KEYS[0]}" for name in ("acme", "beta")
]
GOOGLE = {"bucket_name": "acme-one", "project_id": "acme", "location": "tenant-a", "credentials": ACCOUNT}
AZURE = {"account_name": "acme", "account_key": KEYS[0], "azure_container": "one", "location": "tenant-a"}

PAIRS: list[tuple[type[Any], dict[str, Any], str, Any, Any]] = [
    (FileSystemStorage, {}, "location", "/srv/one", "/srv/two/sub"),
    (FileSystemStorage, {}, "base_location", "/srv/one", "/srv/two/sub"),
    (S3Storage, S3, "bucket_name", "acme-one", "acme-two"),
    (S3Storage, S3, "bucket_name", "acme-one", "other-one"),
    (S3Storage, S3, "location", "tenant-a", "tenant-b"),
    (S3Storage, S3, "region_name", "eu-central-1", "us-west-2"),
    (S3Storage, S3, "endpoint_url", None, "https://minio.example"),
    (S3Storage, S3, "access_key", "AKIAONE", "AKIATWO"),
    (S3Storage, S3, "secret_key", "one", "two"),
    (S3Storage, S3, "security_token", "one", "two"),
    (S3Storage, {**S3, "access_key": None, "secret_key": None}, "session_profile", "one", "two"),
    (S3Storage, S3, "client_config", Config(), Config(use_dualstack_endpoint=True)),
    (S3Storage, S3, "object_parameters", {}, {"RequestPayer": "requester"}),
    (S3Storage, S3, "object_parameters", {}, {"SSECustomerKey": "k" * 32}),
    (S3Storage, S3, "verify", None, False),
    (S3Storage, {**S3, **CDN}, "custom_domain", "one.cdn.example", "two.cdn.example"),
    (S3Storage, {**S3, **CDN}, "custom_domain", "one.cdn.example", None),
    (S3Storage, {**S3, **CDN}, "url_protocol", "https:", "http:"),
    (S3Storage, {**S3, **CDN}, "querystring_auth", True, False),
    (S3Storage, {**S3, **CDN}, "querystring_expire", 600, 6000),
    (S3Storage, {**S3, **CDN}, "cloudfront_signer", *SIGNERS),
    (GoogleCloudStorage, GOOGLE, "bucket_name", "acme-one", "acme-two"),
    (GoogleCloudStorage, GOOGLE, "credentials", ACCOUNT, OTHER_ACCOUNT),
    (GoogleCloudStorage, GOOGLE, "location", "tenant-a", "tenant-b"),
    (GoogleCloudStorage, GOOGLE, "custom_endpoint", None, "https://two.cdn.example"),
    (GoogleCloudStorage, GOOGLE, "querystring_auth", True, False),
    (GoogleCloudStorage, GOOGLE, "default_acl", None, "publicRead"),
    (GoogleCloudStorage, GOOGLE, "expiration", 600, timedelta(hours=2)),
    (AzureStorage, AZURE, "azure_container", "one", "two"),
    (AzureStorage, AZURE, "account_name", "acme", "beta"),
    (AzureStorage, AZURE, "account_key", *KEYS),
    (AzureStorage, {**AZURE, "account_key": None}, "sas_token", "sig=one", "sig=two"),
    (AzureStorage, AZURE, "azure_ssl", True, False),
    (AzureStorage, AZURE, "endpoint_suffix", "core.windows.net", "core.example"),
    (AzureStorage, AZURE, "connection_string", *CONNECTIONS),
    (AzureStorage, AZURE, "client_options", {}, {"secondary_hostname": "two.example"}),
    (AzureStorage, AZURE, "location", "tenant-a", "tenant-b"),
    (AzureStorage, AZURE, "custom_domain", None, "two.cdn.example"),
    (AzureStorage, AZURE, "expiration_secs", 60, 600),
]
IDS = [f"{kind.__name__}.{name}" for kind, _, name, *_ in PAIRS]


@pytest.fixture(autouse=True)
def _everything_is_an_origin(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TENANT.set(0)
    profiles = "".join(
        f"[{name}]\naws_access_key_id = {name}\naws_secret_access_key = {name}\n" for name in ("one", "two")
    )
    (tmp_path / "credentials").write_text(profiles)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    bucket = {"type": "s3", "bucket": "acme-*"}
    site(
        ORIGINS={
            "eu": {**bucket, "region": "eu-central-1"},
            "us": {**bucket, "region": "us-west-2"},
            "dual": {**bucket, "region": "eu-central-1", "use_dualstack_endpoint": True},
            "minio": {**bucket, "region": "eu-central-1", "endpoint_url": "https://minio.example"},
            "srv": {"type": "local", "root": "/srv"},
            "one": {"type": "http", "base_url": "https://one.cdn.example/", "expires_s": 120},
            "two": {"type": "http", "base_url": "https://two.cdn.example/", "expires_s": 120},
            "plain": {"type": "http", "base_url": "http://one.cdn.example/"},
            "google": {"type": "http", "base_url": "https://storage.googleapis.com/", "expires_s": 120},
            "azure": {"type": "http", "base_url": "https://acme.blob.core.windows.net/", "expires_s": 120},
            "beta": {"type": "http", "base_url": "https://beta.blob.core.windows.net/", "expires_s": 120},
        }
    )


@pytest.fixture
def _botocore_reads_its_data_as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: Any = session.create_loader
    monkeypatch.setattr(session, "create_loader", shared.__wrapped__)
    endpoint._resolve.cache_clear()
    endpoint._endpoint.cache_clear()


def of_the_tenant(kind: type[Any], options: dict[str, Any], **values: Sequence[Any]) -> Any:
    """A storage whose class computes these attributes, each from its values for the tenants."""

    def computed(pair: Sequence[Any]) -> property:
        # An SDK's storage sets its attributes when it is made.
        return property(lambda _: pair[TENANT.get()], lambda *_: None)

    made = type(kind.__name__, (kind,), {name: computed(pair) for name, pair in values.items()})
    return made(**{name: value for name, value in options.items() if name not in values})


def plain(kind: type[Any], options: dict[str, Any], name: str, value: Any) -> Any:
    if name == "cloudfront_signer":
        options = {key: each for key, each in options.items() if not key.startswith("cloudfront_")}
    return kind(**{**options, "location" if name == "base_location" else name: value})


def told(storage: Any) -> tuple[str, ...]:
    """What NGINX is told about a file, or the refusal."""
    try:
        answer = send_file(GET, file_on(storage, "invoices/7.pdf"))
    except InputRefused as refused:
        return (refused.what,)
    return answer["X-Accel-Redirect"], answer.get("Xaccel-Url", "")


@pytest.mark.parametrize(("kind", "options", "name", "one", "two"), PAIRS, ids=IDS)
def test_each_attribute_is_the_one_of_the_call(
    kind: type[Any], options: dict[str, Any], name: str, one: Any, two: Any
) -> None:
    """A storage made with the tenant's value, and never used before, is the measure."""
    shared = of_the_tenant(kind, options, **{name: (one, two)})
    for tenant in (0, 1, 0):
        TENANT.set(tenant)
        for _ in range(5):
            before, got = (
                told(storage) for storage in (plain(kind, options, name, (one, two)[tenant]), shared)
            )
            # Signatures have the second in which they were made.
            if before == told(plain(kind, options, name, (one, two)[tenant])):
                break
        assert got == before or (
            name in KEPT_AFTER_THE_FIRST_USE and "of its first request serves all" in got[0]
        )


KEPT_AFTER_THE_FIRST_USE = {
    *"base_location bucket_name credentials azure_container account_name azure_ssl endpoint_suffix".split(),
    *"connection_string client_options sas_token".split(),
}


KEYS_ONLY = ("access_key", "secret_key", "security_token", "account_key")


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[2] not in KEYS_ONLY])
def test_a_place_that_a_class_computes_is_refused_at_start(
    site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, pair: Any
) -> None:
    """NGINX and the app would each get the place of whoever is current when they read it."""
    kind, options, name, *values = pair
    monkeypatch.setattr(
        sys.modules[__name__],
        "Computed",
        type(of_the_tenant(kind, options, **{name: values})),
        raising=False,
    )
    given = {key: value for key, value in options.items() if key != name}
    settings.STORAGES = {"default": {"BACKEND": f"{__name__}.Computed", "OPTIONS": given}}
    site(ORIGINS={"docs": {"storage": "default"}})
    with pytest.raises(ConfigErrors, match=rf'"docs".*{kind.__name__} computes {name}'):
        configuration()


class OwnPath(FileSystemStorage):
    def path(self, name: str) -> str:
        return f"/srv/t{TENANT.get()}/{name}"


class OwnName(S3Storage):
    def _normalize_name(self, name: str) -> str:
        return f"t{TENANT.get()}/{name}"


class OwnS3Bucket(S3Storage):
    @property
    def bucket(self) -> Any:
        return self.connection.Bucket(f"acme-t{TENANT.get()}")


class Hidden(S3Storage):
    xaccel_reads_stored_object = True

    def __getattribute__(self, name: str) -> Any:
        return f"acme-t{TENANT.get()}" if name == "bucket_name" else super().__getattribute__(name)


class OwnURL(Storage):
    def url(self, name: str | None) -> str:
        return f"https://two.cdn.example/t{TENANT.get()}/{name}?sig=1"


def calculate() -> None:
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        pass


class Slow(Storage):
    def url(self, name: str | None) -> str:
        calculate()
        return f"https://two.cdn.example/{name}"


class Places(list[str]):
    """What a property takes long to find."""

    def __getitem__(self, _: Any) -> Any:
        calculate()
        return "/srv/one"


class OwnBucket(GoogleCloudStorage):
    """It has no client for all tenants."""

    bucket_name = property(lambda _: ("acme-one", "acme-two")[TENANT.get()], lambda *_: None)

    @property
    def bucket(self) -> Any:
        return self.client.bucket(self.bucket_name)


class OwnClient(AzureStorage):
    azure_container = property(lambda _: ("one", "two")[TENANT.get()], lambda *_: None)

    @property
    def client(self) -> Any:
        return self.service_client.get_container_client(self.azure_container)


BUCKET = "https://acme-{}.s3.eu-central-1.amazonaws.com/{}/invoices/7.pdf?"


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        (OwnPath(location="/elsewhere"), "/_xaccel/srv/t{0}/invoices/7.pdf"),
        (OwnName(**S3), BUCKET.format("one", "t{0}")),
        (OwnS3Bucket(**S3), BUCKET.format("t{0}", "tenant-a")),
        (Hidden(**S3), BUCKET.format("t{0}", "tenant-a")),
        (OwnURL(), "https://two.cdn.example/t{0}/invoices/7.pdf?sig=1"),
        (OwnBucket(**GOOGLE), "https://storage.googleapis.com/acme-{1}/tenant-a/invoices/7.pdf?"),
        (OwnClient(**AZURE), "https://acme.blob.core.windows.net/{1}/tenant-a/invoices/7.pdf?"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Storage) else "",
)
def test_a_method_or_a_client_of_the_class_itself_is_asked_at_each_call(storage: Any, expected: str) -> None:
    for tenant in (0, 1, 0):
        TENANT.set(tenant)
        assert "".join(told(storage)[:: 1 if expected.startswith("/") else -1]).startswith(
            expected.format(tenant, ("one", "two")[tenant])
        )


@pytest.fixture
def with_rotating_keys(site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a site whose origin names a storage with other keys at each request."""
    keys = {name: (f"{name}-0", f"{name}-1") for name in KEYS_ONLY[:3]}
    made = type(of_the_tenant(S3Storage, S3, **keys))
    monkeypatch.setattr(sys.modules[__name__], "Computed", made, raising=False)
    given = {key: value for key, value in S3.items() if key not in keys}
    settings.STORAGES = {"default": {"BACKEND": f"{__name__}.Computed", "OPTIONS": given}}
    return lambda **more: site(ORIGINS={"docs": {"storage": "default", **more}})


@pytest.mark.parametrize("file_or_key", ["7.pdf", None])
def test_keys_that_rotate_sign_for_files_and_for_object_keys(
    with_rotating_keys: Any, file_or_key: str | None
) -> None:
    with_rotating_keys()
    for tenant in (0, 1, 0):
        TENANT.set(tenant)
        url = send_file(GET, file_or_key or file_on(storages["default"], "7.pdf"), origin="docs")[
            "Xaccel-Url"
        ]
        query = parse_qs(urlsplit(url).query)
        assert query["X-Amz-Credential"][0].startswith(f"access_key-{tenant}/")
        assert query["X-Amz-Security-Token"] == [f"security_token-{tenant}"]


class OwnToken(AzureStorage):
    sas_token = property(lambda _: ("sig=one", "sig=two")[TENANT.get()], lambda *_: None)

    @property
    def client(self) -> Any:
        return self._get_service_client().get_container_client(self.azure_container)


def test_a_token_that_rotates_is_used_by_an_origin_that_names_its_storage(site: Any, settings: Any) -> None:
    options = {**AZURE, "account_key": None}
    settings.STORAGES = {"default": {"BACKEND": f"{__name__}.OwnToken", "OPTIONS": options}}
    site(ORIGINS={"docs": {"storage": "default"}})
    for tenant, token in enumerate(("sig=one", "sig=two")):
        TENANT.set(tenant)
        url = send_file(GET, "7.pdf", origin="docs")["Xaccel-Url"]
        assert url == f"https://acme.blob.core.windows.net/one/tenant-a/7.pdf?{token}"


def test_keys_that_an_entry_gives_itself_sign_for_object_keys(with_rotating_keys: Any) -> None:
    with_rotating_keys(access_key="own", secret_key="own")
    query = parse_qs(urlsplit(send_file(GET, "7.pdf", origin="docs")["Xaccel-Url"]).query)
    assert query["X-Amz-Credential"][0].startswith("own/")
    assert "X-Amz-Security-Token" not in query


def test_no_computed_key_is_kept_from_the_start(with_rotating_keys: Any) -> None:
    with_rotating_keys()
    assert configuration().site.origins["docs"].access_key is None  # type: ignore[union-attr]


def test_files_of_django_tenants_are_those_of_the_connections_schema(
    site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NGINX and the app would each get the directory of `public` if an origin named the storage."""
    settings.MEDIA_ROOT = "/srv"
    shared = TenantFileSystemStorage()
    for tenant in ("one", "two", "one"):
        monkeypatch.setitem(vars(connections["default"]), "schema_name", tenant)
        assert told(shared)[0] == f"/_xaccel/srv/{tenant}/invoices/7.pdf"
    backend = "django_tenants.files.storage.TenantFileSystemStorage"
    settings.STORAGES = {"default": {"BACKEND": backend}}
    site(ORIGINS={"media": {"storage": "default"}})
    computes = "TenantFileSystemStorage computes base_location, location"
    with pytest.raises(ConfigErrors, match=computes) as refused:
        configuration()
    assert '"type": "local"' in str(refused.value)


def test_a_coroutine_reads_the_tenant_of_djangos_connections(
    site: Any, settings: Any, monkeypatch: Any
) -> None:
    """They belong to one thread, in which synchronous middleware sets the tenant, as django-tenants' does."""
    connection: Any = Local(thread_critical=True)
    now = property(lambda _: f"/srv/{getattr(connection, 'schema', 'public')}", lambda *_: None)
    shared = type("OfTheConnection", (FileSystemStorage,), {"location": now})()

    async def view(schema: str) -> str:
        async with ThreadSensitiveContext():
            await sync_to_async(setattr)(connection, "schema", schema)
            response = await asend_file(AsyncRequestFactory().get("/"), file_on(shared, "7.pdf"))
            return response["X-Accel-Redirect"]

    async def both() -> list[str]:
        return await asyncio.gather(view("one"), view("two"))

    assert asyncio.run(both()) == ["/_xaccel/srv/one/7.pdf", "/_xaccel/srv/two/7.pdf"]


SHARED: list[tuple[Callable[[], Any], Callable[[int], str]]] = [
    (
        lambda: of_the_tenant(FileSystemStorage, {}, location=[f"/srv/t{number}" for number in range(40)]),
        lambda number: f"/_xaccel/srv/t{number}/invoices/7.pdf",
    ),
    (
        lambda: of_the_tenant(S3Storage, S3, bucket_name=[f"acme-t{number}" for number in range(40)]),
        lambda number: f"https://acme-t{number}.s3.eu-central-1.amazonaws.com/tenant-a/invoices/7.pdf?",
    ),
    (
        lambda: of_the_tenant(S3Storage, S3, access_key=[f"AKIA{number}" for number in range(40)]),
        lambda number: f"X-Amz-Credential=AKIA{number}%2F",
    ),
]


@pytest.mark.parametrize(("make", "expected"), SHARED, ids=["directory", "bucket", "key"])
def test_forty_tenants_at_once_get_their_own(make: Callable[[], Any], expected: Callable[[int], str]) -> None:
    """In threads, and in the tasks of one event loop."""
    file = file_on(make(), "invoices/7.pdf")

    def sent(number: int) -> str:
        TENANT.set(number)
        return "".join(send_file(GET, file).headers.values())

    async def sent_in_a_task(number: int) -> str:
        TENANT.set(number)
        await asyncio.sleep(0)
        return "".join((await asend_file(AsyncRequestFactory().get("/"), file)).headers.values())

    async def all_tasks() -> list[str]:
        return await asyncio.gather(*map(sent_in_a_task, range(40)))

    with ThreadPoolExecutor(8) as pool:
        in_threads = list(pool.map(lambda number: copy_context().run(sent, number), range(40)))
    for told_ in (in_threads, asyncio.run(all_tasks())):
        assert [number for number in range(40) if expected(number) not in told_[number]] == []


FIRST_FILES: dict[str, Callable[[], Any]] = {
    "directory": lambda: FileSystemStorage(location="/srv/a"),
    "bucket": lambda: S3Storage(**{**S3, "bucket_name": "acme-new"}),
    "hyphens": lambda: S3Storage(**{**S3, "bucket_name": "acme-new--er"}),
    "region": lambda: S3Storage(**{**S3, "bucket_name": "acme-one", "region_name": "ap-south-1"}),
    "cdn": lambda: S3Storage(**{**S3, **CDN}),
    "google": lambda: GoogleCloudStorage(**GOOGLE),
    "azure": lambda: AzureStorage(**AZURE),
    "url": Slow,
    "property": lambda: of_the_tenant(FileSystemStorage, {}, location=Places()),
}


@pytest.mark.usefixtures("_botocore_reads_its_data_as_in_production")
def test_no_storage_keeps_the_event_loop_from_others() -> None:
    """The first file of a storage, in processor time of the loop's thread."""

    async def send(file: Any) -> None:
        with suppress(InputRefused):
            await asend_file(AsyncRequestFactory().get("/"), file)

    def turn_ms(storage: Any) -> float:
        file = file_on(storage, "7.pdf")
        return longest_turn_ms(lambda: send(file))

    turn_ms(S3Storage(**S3))  # the modules and the endpoints of a first request
    long = {name: ms for name, make in FIRST_FILES.items() if (ms := turn_ms(make())) >= MOST_MS}
    assert long == {}
