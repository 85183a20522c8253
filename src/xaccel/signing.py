"""Where a bucket answers, and the signature for one request: botocore's own rules and signer.

botocore is loaded at the first use, not at import.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, unquote_to_bytes, urlsplit

from xaccel.errors import ConfigError
from xaccel.origins import S3Origin
from xaccel.target import canonical_base

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a bucket is found.

    base_url: ends in "/"; object keys follow it.
    path_style: the bucket is a segment of the path, not of the host.
    """

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
        raise ConfigError(
            "S3 origins need botocore, which is not installed",
            where=f"S3Origin(bucket={origin.bucket!r})",
            remedy="Install it with: pip install 'xaccel[s3]'.",
        ) from error
    session = Session(profile=origin.profile)
    try:
        session.get_scoped_config()
    except BotoCoreError as error:
        raise ConfigError(
            f"botocore cannot read its configuration ({_in_one_line(error)})",
            where=f"S3Origin(bucket={origin.bucket!r}) profile",
            remedy="Name a profile of AWS's shared config or credentials file, and mend the file if it is named.",
        ) from error
    return session


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def resolve_endpoint(origin: S3Origin) -> Endpoint:
    """Return where the bucket answers. Credentials and prefix have no part in it, so that new ones cost nothing.

    Raises ConfigError for what botocore refuses, in its words.
    """
    return _resolve(
        origin.bucket, origin.region, origin.endpoint_url, origin.profile, origin.addressing_style
    )


@lru_cache(maxsize=4096)
def _resolve(
    bucket: str,
    region: str | None,
    endpoint_url: str | None,
    profile: str | None,
    addressing_style: Literal["path", "virtual", "auto"] | None,
) -> Endpoint:
    """Ask botocore once where the bucket answers; about 0.1 s for the first, no network.

    A client is made for it and thrown away: only the client knows the rules for addressing styles, dual-stack, FIPS
    and custom endpoints, from arguments, environment and shared files alike. Its call is answered before it is sent,
    by the event that botocore's own Stubber uses. Presigning would not do: it names the global host
    `bucket.s3.amazonaws.com`, which redirects for a new bucket of another region.
    """
    session = new_session(S3Origin(bucket=bucket, profile=profile))
    from botocore import UNSIGNED
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    asked: list[str] = []

    def answer_here(params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        asked.append(params["url"])
        return AWSResponse(params["url"], 200, {}, None), {}

    style = {} if addressing_style is None else {"s3": {"addressing_style": addressing_style}}
    try:
        client = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            config=Config(signature_version=UNSIGNED, **style),
        )
        client.meta.events.register_last("before-call.s3.GetObject", answer_here)
        client.get_object(Bucket=bucket, Key="k")
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"botocore cannot resolve it ({_in_one_line(error)})",
            where=f"S3Origin(bucket={bucket!r})",
            remedy="Mend bucket, region or endpoint_url.",
        ) from error
    base = canonical_base(asked[0].removesuffix("k"))
    found = client.meta.region_name
    return Endpoint(
        base_url=base,
        region="us-east-1" if found in (None, "aws-global") else found,
        path_style=urlsplit(base).path != "/",
    )


@dataclass(frozen=True, slots=True)
class S3Signer:
    """Signs in the query, with Signature Version 4 and an unsigned payload.

    expires_s: seconds that a signature lives; the store checks it when a request starts.
    """

    region: str
    expires_s: int

    def sign(self, url: str, method: str, credentials: ReadOnlyCredentials, now: datetime) -> str:
        """Return `url` with its signature for `method` (GET or HEAD). `now` is aware. Pure: nothing is read or sent.

        A GET signature refuses HEAD (AWS and SeaweedFS, tests/live/test_methods.py), so the method is the client's.
        """
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method=method, url=url)
        _query_auth()(credentials, "s3", self.region, self.expires_s, now).add_auth(request)
        signed: str = request.url
        return signed


@lru_cache(maxsize=1)
def _query_auth() -> type[Any]:
    from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth

    class ClockedQueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]
        """botocore's signer with the clock as an argument."""

        def __init__(
            self, credentials: ReadOnlyCredentials, service: str, region: str, expires: int, now: datetime
        ) -> None:
            super().__init__(credentials, service, region, expires)
            self._now = now

        def headers_to_sign(self, request: Any) -> Any:
            # botocore makes them twice, from the same host; that is a sixth of the time of a signature.
            found = request.context.get("headers_to_sign")
            if found is None:
                found = request.context["headers_to_sign"] = super().headers_to_sign(request)
            return found

        def add_auth(self, request: Any) -> None:
            request.context["timestamp"] = self._now.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
            self._modify_request_before_signing(request)
            to_sign = self.string_to_sign(request, self.canonical_request(request))
            self._inject_signature_to_request(request, self.signature(to_sign, request))

        def _normalize_url_path(self, path: str) -> str:
            # A store decodes a path and encodes it anew before it compares. That changes nothing in a key spelled by
            # target.py; a stored URL, sent byte for byte, may spell "(" or "%2b" as it likes.
            return quote(unquote_to_bytes(path), safe="/")

    return ClockedQueryAuth
