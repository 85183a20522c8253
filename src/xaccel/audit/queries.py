"""Find the rows of one stored URL among those of its key."""

from __future__ import annotations

from xaccel.django.conf import configuration
from xaccel.site.url_query import recorded_query


def queries_of(url: str, *old_secrets: str) -> list[str]:
    """Return what `Transfer.query` and `Download.query` have for a stored URL: one text for each secret of the site.

    Rows from before a rotation have the digest of the old secret. SECRET and SECRET_KEY_FALLBACKS are looked at; give
    others as `old_secrets`.

    Raises OriginNotAllowed for a URL that lies in none of the site's origins.
    """
    conf = configuration()
    origin = conf.site.origin(conf.sender.places.origin_of_url(url))
    return [recorded_query(conf.site, origin, url, secret) for secret in (*conf.site.secrets, *old_secrets)]
