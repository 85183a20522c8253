"""XA1xx: the settings alone."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.doctor.check import Skipped, check
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import ConfigError, ConfigErrors, CredentialsUnavailable
from xaccel.explain.site_advice import relative_log
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.origins import S3Origin


@check(101)
def readable(stack: RunningSite) -> Iterator[str]:
    try:
        assert stack.site
    except ConfigErrors as errors:
        yield from map(str, errors.problems)
    except ConfigError as error:
        yield str(error)


@check(102)
def absolute_log(stack: RunningSite) -> Iterator[str]:
    yield from map(str, relative_log(stack.site))


@check(103)
def credentials(stack: RunningSite) -> Iterator[str]:
    buckets = {name: origin for name, origin in stack.site.origins.items() if isinstance(origin, S3Origin)}
    if not buckets:
        raise Skipped("the site has no bucket")
    for name, origin in buckets.items():
        try:
            resolve_endpoint(origin)
            CredentialSource(origin).current()
        except (ConfigError, CredentialsUnavailable) as error:
            yield f"origin {name}: {error}"
