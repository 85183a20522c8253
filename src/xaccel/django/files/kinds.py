"""The kinds of storages: which attributes xaccel reads, and which a class of the project may override.

NGINX sends the stored bytes of the object that the storage's attributes name. Django reads a file with `open()` and all
that `open()` uses, which a class may override. So xaccel reads some attributes at each call, and some have no part in
reading. The files of a class that overrides another one are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from xaccel import urls
from xaccel.django.files.objects import StoredFile
from xaccel.errors import ConfigError
from xaccel.handoff.objects import ObjectRef
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin
from xaccel.site.setting import problem

MIN_SIGNED_S = 120
"""Seconds that a signature lives where the storage does not say."""
SAME_OBJECT = "xaccel_reads_stored_object"
"""True in a class: what it overrides reads the object that its attributes name, byte for byte as it is stored."""
_KNOWN_PACKAGES = ("django.", "storages.", "xaccel.")


class Kind:
    """A kind of storage, for one class of storages. This one is for classes that xaccel does not know.

    A method whose docstring begins with "Read" returns attributes of a storage: `names_read` takes their names from it.

    is_slow: reading may take long. known: the class of Django or django-storages. own: what the project's classes
    define. computed: what xaccel reads and they define, so that another request may get another value. computed_once:
    what they compute and the storage reads only for its first request. unread: what xaccel cannot read and they define.
    methods: what an instance must not set for the same reason. vouched: names for which SAME_OBJECT speaks.
    """

    is_slow = True

    def __init__(self, cls: Any, known: Any) -> None:
        self.known, self.name = known, f"{cls.__module__}.{cls.__qualname__}"
        definers = {name: base for base in reversed(cls.__mro__[:-1]) for name in vars(base)}
        self.own = {
            name for name, base in definers.items() if not base.__module__.startswith(_KNOWN_PACKAGES)
        }
        self.vouched = _vouched(cls, definers)
        descriptors = {name for name in self.own if hasattr(vars(definers[name])[name], "__get__")}
        place, kept = names_read(self.place), names_read(self.kept)
        client, reads = names_read(self.client), names_read(self.reads)
        values = place | kept
        if self.own.isdisjoint(("__getattr__", "__getattribute__")):
            values &= descriptors
        methods = reads if "__getattribute__" in self.own else reads & self.own
        self.computed = values | methods | (self.own & client)
        self.computed_place = self.computed & place
        self.clients = client
        self.computed_once = self.computed & kept if client.isdisjoint(self.computed) else set()
        self.is_slow = self.is_slow or bool(self.computed)
        used = place | kept | client | reads
        overridable = {name for name in dir(known) if not name.startswith("__")} | {"open", "_open"}
        self.hooks = overridable - used - names_read(self.unrelated)
        self.methods = self.hooks | {name for name in used if callable(getattr(known, name, None))}
        self.unread = self._unread(cls)
        if SAME_OBJECT in vars(cls) and getattr(cls, SAME_OBJECT):
            self.methods = set()

    def place(self, storage: Any) -> tuple[Any, ...]:
        """Read what decides the place, or another setting of an origin."""
        return ()

    def client(self, storage: Any) -> tuple[Any, ...]:
        """Read what the storage makes at its first use."""
        return ()

    def kept(self, storage: Any) -> tuple[Any, ...]:
        """Read what `client` is made from."""
        return ()

    def reads(self, storage: Any) -> tuple[Any, ...]:
        """Read other attributes and methods that xaccel uses at each call."""
        return ()

    def unrelated(self, storage: Any) -> tuple[Any, ...]:
        """Read what has no part in reading a file, or only through an attribute that xaccel uses."""
        writing = (storage.save, storage._save, storage.delete, storage.is_name_available)
        naming = (
            storage.generate_filename,
            storage.get_valid_name,
            storage.get_alternative_name,
            storage.get_available_name,
        )
        describing = (storage.exists, storage.listdir, storage.size, storage.path, storage.url)
        times = (storage.get_accessed_time, storage.get_created_time, storage.get_modified_time)
        return *writing, *naming, *describing, *times, storage.deconstruct, storage.get_default_settings

    def base(self, storage: Any) -> HTTPOrigin:
        """Return where the storage's URLs begin, without its location. Raises ConfigError."""
        raise problem("storage", "unknown_storage", kind=self.name)

    def origin_of(self, storage: Any) -> Origin:
        """Return the origin that an entry of ORIGINS means which names the storage. Raises ConfigError."""
        base = self.base(storage)
        return replace(base, base_url=base.base_url + urls.quote_prefix(prefix_of(storage)))

    def object_of(self, file: StoredFile) -> ObjectRef:
        """Return the object of a name in the storage.

        Raises OriginNotAllowed, KeyRefused and ConfigError, and SuspiciousOperation for a name outside of it.
        """
        url = None
        with suppress(NotImplementedError):
            url = getattr(file.storage, "storage_url", file.storage.url)(file.name)
        if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
            raise problem("storage", "unknown_storage", kind=self.name)
        ref = file.below(url)
        origin, signed = file.places.site.origin(ref.origin), None
        # What a storage adds to the name of its own file is a signature.
        if isinstance(origin, HTTPOrigin) and origin.expires_s is None and "?" in url:
            signed = replace(origin, expires_s=MIN_SIGNED_S)
        return replace(ref, url=url, stand_in=signed)

    def require_stored_bytes(self, storage: Any, lazy: type) -> None:
        """Raise ConfigError if `open()` of the storage, or of the lazy class around it, may read something else."""
        names = self.unread | (self.methods & vars(storage).keys())
        if lazy is not type(storage) and hasattr(lazy, "open"):
            names |= {"open"}
        if names:
            raise self._opens(names)

    def require_sendable_class(self) -> None:
        """Raise ConfigError if all files of the class are refused."""
        if self.unread:
            raise self._opens(self.unread)
        self.require_own_client()

    def require_own_client(self) -> None:
        """Raise ConfigError if what is made for the first request would serve all tenants."""
        if self.computed_once:
            raise self.shared_client(self.computed_once, joined(self.clients))

    def shared_client(self, names: Collection[str], client: str) -> ConfigError:
        """Return the error for computed attributes whose first values serve all tenants."""
        return problem("storage", "storage_client", kind=self.name, names=joined(names), client=client)

    def _unread(self, cls: Any) -> set[str]:
        """Return the names that a class overrides although it does not override `url()`, which xaccel calls."""
        makers = [base for base in cls.__mro__ if not base.__module__.startswith("xaccel.")]
        addressed = [not vars(base).keys().isdisjoint(("url", "storage_url")) for base in makers]
        above = {name for base in makers[: addressed.index(True)] for name in vars(base)}
        return (self.own - self.vouched) & above & self.hooks

    def _opens(self, names: Collection[str]) -> ConfigError:
        return problem("storage", "storage_opens", kind=self.name, names=joined(names), same=SAME_OBJECT)


class KnownKind(Kind):
    """A storage of a class that xaccel knows, whose attributes it reads without `url()`."""

    def _unread(self, cls: Any) -> set[str]:
        """Return the names that a class overrides and xaccel does not use."""
        # `__getattribute__` may replace each of them.
        return (self.own - self.vouched) & {*self.hooks, "__getattribute__"}


class Directory(KnownKind):
    """Django's FileSystemStorage."""

    is_slow = False

    def place(self, storage: Any) -> tuple[Any, ...]:
        """Read the directory."""
        return storage.location, storage.base_location

    def client(self, storage: Any) -> tuple[Any, ...]:
        """Read the property that Django keeps."""
        return (storage.location,)

    def kept(self, storage: Any) -> tuple[Any, ...]:
        """Read what Django makes it from."""
        return storage.base_location, storage._location, storage._value_or_setting

    def reads(self, storage: Any) -> tuple[Any, ...]:
        """Read the method that names the file."""
        return (storage.path,)

    def unrelated(self, storage: Any) -> tuple[Any, ...]:
        """Read what writing needs, and what `location` is made from."""
        modes = (storage.file_permissions_mode, storage.directory_permissions_mode, storage.OS_OPEN_FLAGS)
        writing = (storage._ensure_location_group_id, storage._datetime_from_timestamp, storage.base_url)
        return *super().unrelated(storage), *modes, *writing, storage._clear_cached_properties

    def origin_of(self, storage: Any) -> LocalOrigin:
        self.require_own_client()
        if not storage.base_location:
            raise problem("storage", "storage_without_location")
        return LocalOrigin(root=str(storage.location))

    def object_of(self, file: StoredFile) -> ObjectRef:
        place, name = self.origin_of(file.storage), file.name
        if "path" in self.computed:
            root, name = os.path.split(file.storage.path(name))
            place = LocalOrigin(root=root)
        return file.in_place(place, name)


class _Reader:
    """A storage that has every attribute, and notes which are read."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> None:
        self._names.add(name)


def names_read(method: Callable[[Any], object]) -> set[str]:
    """Return the names of the attributes that a method reads of a storage."""
    names: set[str] = set()
    method(_Reader(names))
    return names


def _vouched(cls: Any, definers: Mapping[str, Any]) -> set[str]:
    """Return the names for which SAME_OBJECT speaks: those of its class and what that inherits, not of subclasses."""
    if not getattr(cls, SAME_OBJECT, False):
        return set()
    speaker = definers[SAME_OBJECT]
    return {name for name, base in definers.items() if issubclass(speaker, base)}


def joined(names: Collection[str]) -> str:
    """Return names for a message."""
    return ", ".join(sorted(names))


def prefix_of(storage: Any) -> str:
    """Return the storage's location as the beginning of keys."""
    location = storage.location.strip("/")
    return f"{location}/" if location else ""
