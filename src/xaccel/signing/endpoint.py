"""The endpoint of a bucket, by botocore's own rules. botocore is loaded at the first use, not at import."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from xaccel.errors import ConfigError
from xaccel.site.origins import PLACE, S3Origin
from xaccel.site.rules import is_other_kind
from xaccel.site.setting import problem
from xaccel.urls import canonical_base


class WouldWait(Exception):
    """The call may take long, and the caller must not wait."""


_waits = ContextVar("waits", default=True)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Raise WouldWait instead of loading botocore, reading files or asking a storage: for an event loop's thread."""
    token = _waits.set(False)
    try:
        yield
    finally:
        _waits.reset(token)


def may_wait() -> None:
    """Say that the next step may take long. Raises WouldWait where `without_waiting` forbids it."""
    if not _waits.get():
        raise WouldWait


class Endpoint(NamedTuple):
    """Where a bucket is. `base_url` ends in "/". path_style: the bucket is in the path, not in the host."""

    base_url: str
    region: str
    path_style: bool


def new_session(origin: S3Origin) -> Any:
    """Return a botocore session for the origin's profile.

    Raises ConfigError when botocore is missing or the profile does not exist.
    """
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError as error:
        raise problem(f"S3Origin(bucket={origin.bucket!r})", "no_botocore") from error
    session = Session(profile=origin.profile)
    try:
        session.get_scoped_config()
    except BotoCoreError as error:
        where = f"S3Origin(bucket={origin.bucket!r}) profile"
        raise problem(where, "aws_config", reason=_in_one_line(error)) from error
    return session


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def client_options(origin: S3Origin) -> dict[str, Any]:
    """Return the arguments of botocore's Config that decide where `origin` is found."""
    in_s3 = {
        name: value
        # Dual-stack has two places in botocore; this one is stronger than those of environment and profile.
        for name in ("addressing_style", "use_dualstack_endpoint", "use_accelerate_endpoint")
        if (value := getattr(origin, name)) is not None
    }
    return {"use_fips_endpoint": origin.use_fips_endpoint, **({"s3": in_s3} if in_s3 else {})}


def origin_options(config: Any) -> dict[str, Any]:
    """Return the options of an S3Origin for what is in botocore's Config, the other way round; None has nothing."""
    s3 = getattr(config, "s3", None) or {}
    dualstack = getattr(config, "use_dualstack_endpoint", None)
    return {
        "addressing_style": s3.get("addressing_style") or None,
        "use_dualstack_endpoint": s3.get("use_dualstack_endpoint", dualstack),
        "use_fips_endpoint": getattr(config, "use_fips_endpoint", None),
        "use_accelerate_endpoint": s3.get("use_accelerate_endpoint"),
    }


_place = attrgetter(*PLACE)

_SAMPLE = "xaccel-sample"
_STAR = "xaccel"
_PLAIN = re.compile(r"(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])+")


def resolve_endpoint(origin: S3Origin, bucket: str | None = None) -> Endpoint:
    """Return where a bucket is: `bucket`, else the origin's; for a pattern the URL has its "*".

    Raises ConfigError for a bucket of another kind, and for what botocore refuses, in its words.
    """
    return _endpoint(bucket or origin.bucket, _place(origin))


@lru_cache(maxsize=4096)
def _endpoint(bucket: str, place: tuple[Any, ...]) -> Endpoint:
    # botocore takes a tenth of a second for each answer: names of small letters, digits and single hyphens share one.
    named = bucket.replace("*", _STAR)
    sample = _SAMPLE if _PLAIN.fullmatch(named) else named
    try:
        found = _resolve(sample, place)
    except ConfigError as error:
        where = error.where.replace(sample, bucket)
        raise ConfigError(error.what, where=where, remedy=error.remedy) from error
    return found if sample == bucket else found._replace(base_url=_renamed(found.base_url, sample, bucket))


def _renamed(base_url: str, sample: str, bucket: str) -> str:
    """Put another bucket where `sample` stands: first in the host, or last in the path."""
    scheme, _, rest = base_url.partition("://")
    if rest.startswith(f"{sample}."):
        return f"{scheme}://{bucket}{rest.removeprefix(sample)}"
    return f"{base_url.removesuffix(f'{sample}/')}{bucket}/"


@lru_cache(maxsize=4096)
def _resolve(bucket: str, place: tuple[Any, ...]) -> Endpoint:
    """Return the address of a bucket as botocore builds it, without a request; the first takes about 0.1 s.

    Only a client knows the rules for addressing styles, dual-stack, FIPS and custom endpoints, from arguments,
    environment and shared files alike. Its call is intercepted before it is signed, by the event that botocore's own
    Stubber uses. Presigning names the global host `bucket.s3.amazonaws.com`, which redirects for a new bucket of
    another region.
    """
    may_wait()
    origin = S3Origin(bucket=bucket, **dict(zip(PLACE, place, strict=True)))
    where = f"S3Origin(bucket={origin.bucket!r})"
    if is_other_kind(origin.bucket):
        raise problem(where, "other_bucket", value=origin.bucket)
    session = new_session(origin)
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    asked: list[tuple[str, dict[str, Any]]] = []

    def answer_here(
        params: dict[str, Any], context: dict[str, Any], **_: object
    ) -> tuple[Any, dict[str, Any]]:
        asked.append((params["url"], context["signing"]))
        return AWSResponse(params["url"], 200, {}, None), {}

    try:
        client = session.create_client(
            "s3",
            region_name=origin.region,
            endpoint_url=origin.endpoint_url,
            # The rules for the region of a signature are asked only of a client that would sign.
            aws_access_key_id="unused",
            aws_secret_access_key="unused",  # noqa: S106
            config=Config(signature_version="s3v4", **client_options(origin)),
        )
        client.meta.events.register_last("before-call.s3.GetObject", answer_here)
        client.get_object(Bucket=origin.bucket, Key="k")
    except (BotoCoreError, ValueError) as error:
        raise problem(where, "unresolved_bucket", reason=_in_one_line(error)) from error
    [(url, signing)] = asked
    base = canonical_base(url.removesuffix("k"))
    return Endpoint(
        base_url=base, region=signing.get("region") or "us-east-1", path_style=urlsplit(base).path != "/"
    )
