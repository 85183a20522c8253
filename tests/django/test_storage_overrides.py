"""Each attribute and method that a class of storages can override, in every way that Python has.

NGINX sends the bytes that Django's `storage.open(name).read()` gives, or xaccel refuses the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from tests.django.storage_world import KINDS, OWNERS, World, read, world

# django-storages does not close its file if the storage does not answer, as in some of the broken classes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
TENANT: ContextVar[int] = ContextVar("tenant", default=0)
Theirs = list[Any]
"""The storages of the tenants."""
Way = Callable[[type[Any], str, Theirs], type[Any]]


@pytest.fixture
def storages_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Callable[..., None]
) -> Iterator[World]:
    TENANT.set(0)
    with world(tmp_path, monkeypatch, site) as made:
        yield made


def by_property(cls: type[Any], name: str, theirs: Theirs) -> type[Any]:
    def value(_: Any) -> Any:
        return getattr(theirs[TENANT.get()], name)

    # A constructor sets attributes.
    return type("ByProperty", (cls,), {name: property(value, lambda *_: None)})


def by_method(cls: type[Any], name: str, theirs: Theirs) -> type[Any]:
    def method(_: Any, *args: Any, **options: Any) -> Any:
        return getattr(theirs[TENANT.get()], name)(*args, **options)

    return type("ByMethod", (cls,), {name: method})


def by_constructor(cls: type[Any], name: str, theirs: Theirs) -> type[Any]:
    def __init__(self: Any, **options: Any) -> None:
        cls.__init__(self, **options)
        vars(self)[name] = getattr(theirs[TENANT.get()], name)

    return type("ByConstructor", (cls,), {"__init__": __init__})


def by_attribute_access(cls: type[Any], name: str, theirs: Theirs) -> type[Any]:
    def __getattribute__(self: Any, asked: str) -> Any:
        return getattr(theirs[TENANT.get()], name) if asked == name else object.__getattribute__(self, asked)

    return type("ByAttributeAccess", (cls,), {"__getattribute__": __getattribute__})


WAYS = (by_property, by_method, by_constructor, by_attribute_access)
READ_ELSEWHERE = {
    "FileSystemStorage": {"open", "_open", "path", "location"},
    "S3Storage": {"open", "_open", "bucket", "connection", "_create_session", "bucket_name", "endpoint_url"},
    "GoogleCloudStorage": {"open", "_open", "bucket", "_client", "bucket_name"},
    "AzureStorage": {"open", "_open", "client", "service_client", "_get_valid_path", "account_name"},
}
"""Some with which Django reads other bytes: without them, the search would find nothing."""


WITHOUT_PART = {
    "save",
    "delete",
    "exists",
    "listdir",
    "size",
    "url",
    "get_available_name",
    "get_modified_time",
}
"""Some that projects override and that have no part in reading: a refusal would be a false one."""


@pytest.mark.parametrize("kind", KINDS)
def test_an_override_reads_the_same_bytes_as_django_or_is_refused(
    storages_at: World, kind: type[Any]
) -> None:
    other, refused = search(storages_at, kind, WAYS)
    assert other >= READ_ELSEWHERE[kind.__name__]
    assert refused.isdisjoint(WITHOUT_PART)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_override_behind_one_domain_for_all_tenants_is_refused(
    storages_at: World, kind: type[Any]
) -> None:
    """The domain is in front of one bucket, and Django reads without it."""
    other, _ = search(storages_at, kind, [by_property], has_cdn=True)
    assert other >= READ_ELSEWHERE[kind.__name__]


def search(
    storages_at: World, kind: type[Any], ways: Sequence[Way], *, has_cdn: bool = False
) -> tuple[set[str], set[str]]:
    """Override each attribute in these ways, and return with which Django reads other bytes, and which are refused.

    Django's measure is a storage that no other tenant used before.
    """
    shared = storages_at.storage(kind, "shared", has_cdn)
    options = storages_at.options(kind, "shared", has_cdn)
    plain = read(shared)
    assert storages_at.sent(shared) == plain
    other, refused = set(), set()
    # Keys do not decide what a domain is in front of.
    skipped = {"access_key", "secret_key", "security_token"} if has_cdn else set()
    for name in [name for name in dir(shared) if not name.startswith("__") and name not in skipped]:
        for way in ways:
            if way is by_method and not callable(getattr(kind, name, None)):
                continue
            TENANT.set(0)
            cls = way(kind, name, [storages_at.storage(kind, owner, has_cdn) for owner in OWNERS[1:]])
            try:
                storage, *new = [cls(**options) for _ in range(3)]
            except Exception:  # noqa: BLE001 a constructor that needs its own value
                continue
            for tenant in (0, 1):
                TENANT.set(tenant)
                sent = storages_at.sent(storage)
                if sent is None and way is not by_property:
                    continue
                expected = read(new[tenant])
                if expected != plain:
                    other.add(name)
                if sent is None:
                    refused.add(name)
                elif isinstance(expected, bytes):
                    assert sent == expected, f"{way.__name__} {name} of tenant {tenant}"
    return other, refused
