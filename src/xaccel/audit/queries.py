"""Find rows of the trail: by a stored URL, or the object of a transfer.

Your code imports it, so it is a separate file.
"""

from __future__ import annotations

from uuid import UUID

from xaccel.audit.archives import object_of
from xaccel.audit.models import Transfer
from xaccel.django.conf import configuration
from xaccel.site.url_query import recorded_query


def queries_of(url: str, *old_secrets: str) -> list[str]:
    """Return what `Transfer.query` and `Download.query` have for a stored URL: one text for each secret of the site.

        Transfer.objects.filter(origin="partner", key="get.php", query__in=queries_of(url))

    Rows from before a rotation have the digest of the old secret. SECRET and SECRET_KEY_FALLBACKS are looked at; give
    others as `old_secrets`.

    Raises OriginNotAllowed for a URL that is in none of the site's origins.
    """
    conf = configuration()
    origin, named = conf.site.origin(conf.sender.places.origin_of_url(url)), conf.site.recorded_parameters
    return [recorded_query(origin, url, named, secret) for secret in (*conf.site.secrets, *old_secrets)]


def find_object(transfer_id: str, member: int | None = None) -> tuple[str, str] | None:
    """Return origin and object key of a recorded transfer, for `manage.py xaccel explain`; None if it is unknown.

    member: its number in an archive, whose object is then returned.
    """
    try:
        asked = UUID(transfer_id)
    except ValueError:
        return None
    found = Transfer.objects.filter(id=asked).exclude(key="").values_list("origin", "key").first()
    return found if found is None or member is None else object_of(found[1], member)
