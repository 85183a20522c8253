"""Check an object key and options before they are stored, by the rules of the later hand-off."""

from __future__ import annotations

from datetime import UTC, datetime

from xaccel.handoff.builder import is_signed_by_the_app, make_handoff, remote_target
from xaccel.options import Options
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Site
from xaccel.site.buckets import bucket_named
from xaccel.site.origins import HTTPOrigin, S3Origin


def check_download(
    site: Site, origin_name: str, key: str, options: Options, *, bucket: str | None = None
) -> None:
    """Raise InputRefused if a hand-off would be refused. Needs no credentials and makes no request."""
    origin = site.origin(origin_name)
    bucket = bucket_named(origin, bucket)
    endpoint = resolve_endpoint(origin, bucket) if isinstance(origin, S3Origin) else None
    # the app signs a URL that it makes from the same key
    url = None
    if isinstance(origin, HTTPOrigin) and is_signed_by_the_app(origin):
        url = remote_target(origin, bucket, key, None, None)
    make_handoff(
        site,
        origin_name,
        key,
        options,
        method="GET",
        endpoint=endpoint,
        url=url,
        signer=None,
        credentials=None,
        now=datetime.now(UTC),
        transfer_id="",
        bucket=bucket,
    )
