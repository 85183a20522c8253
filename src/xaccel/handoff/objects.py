"""The object of a download: what a call asks for, the place of an origin, and where the site finds the object."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from xaccel import urls
from xaccel.options import Url
from xaccel.signing.endpoint import Endpoint
from xaccel.site.origins import Origin, S3Origin

Method = Literal["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object of a call: an object key in an origin, or a URL below the origin's base.

    origin: name of the origin.
    key: the object key as the storage has it, never percent-encoded; "" with `url`.
    bucket: one of the buckets of an origin that covers many. A stored URL names it itself.
    url: a stored absolute URL, which is requested byte for byte; or a function that returns the URL for the method of
        NGINX's request, "GET" or "HEAD". A signature may be for one method only. NGINX therefore requests a stored
        URL with GET if the origin has `expires_s`.
    stand_in: the origin with other credentials or another prefix. It must be at the same place, where NGINX requests.
    """

    origin: str
    key: str = ""
    _: KW_ONLY
    bucket: str | None = None
    url: Url | None = field(default=None, repr=False)
    stand_in: Origin | None = field(default=None, repr=False)

    @property
    def makes_url(self) -> bool:
        """Whether a function makes the URL, which may wait."""
        return self.url is not None and not isinstance(self.url, str)

    def url_for(self, method: Method) -> str:
        """Return the URL, made for the method; "" without one."""
        return self.url if isinstance(self.url, str) else self.url(method) if self.url else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where one origin is, and one bucket of it where it covers many.

    bucket: "" unless the origin covers many. root: the URL or path before each key, with the origin's prefix.
    endpoint: of an S3 origin. entry: the internal location of NGINX. is_signed_by_the_app: the app makes the URLs.
    """

    name: str
    origin: Origin
    bucket: str
    root: str
    endpoint: Endpoint | None
    entry: str
    is_signed_by_the_app: bool


# Not frozen: making a frozen one takes 1 µs of each hand-off.
@dataclass(slots=True, kw_only=True)
class Located:
    """Where the site finds an object, and how NGINX requests it.

    key: the object key; of a stored URL its path below the origin's base, decoded.
    target: the unsigned URL, or the path in a directory. by_url: the URL was given, not made from the key.
    entry: the internal location of NGINX.
    method: the client's. request_method: the one that NGINX requests the object with.
    version: the version of the object's bytes for the cache; "": NGINX does not cache it.
    """

    place: Place
    key: str
    target: str = field(repr=False)
    by_url: bool
    entry: str
    method: Method
    request_method: Method
    version: str

    @property
    def bucket_and_key(self) -> tuple[str, str]:
        """The bucket of an S3 origin, and the whole key there, with the origin's prefix."""
        origin = self.place.origin
        assert isinstance(origin, S3Origin), "other origins have no buckets"
        return self.place.bucket or origin.bucket, f"{origin.prefix}{self.key}"

    @property
    def cache_name(self) -> str:
        """The URL without a signature of the app's: it names the object in the cache."""
        return urls.object_url(self.target) if self.place.is_signed_by_the_app else self.target
