"""What an app without Django answers for one download: a hand-off, or 304 or 412 by itself. Told once, to the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from xaccel.events import authorized, denied, log_event
from xaccel.handoff.conditions import answer_to_conditions, headers_of_answer
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Options, SendOptions
from xaccel.sender import Sender
from xaccel.site.read_file import SiteSource, site_of

DeniedStatus = Literal[403, 404]


class DeniedRecord(TypedDict, total=False):
    """What the log says of a download that is refused, as the fields of `xaccel.events.DownloadEvent`."""

    subject: str
    origin: str
    bucket: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of the app's answer, whose body is empty. A hand-off holds the site's secret: never show or log it."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)


class Answers:
    """What the adapters have in common. Thread-safe; make one per process.

    `site` is a Site, a mapping with the keys of settings.XACCEL, or the path of a file of TOML or JSON with them.
    Where an origin is a bucket, botocore is loaded here, and nobody is asked.

    Raises ConfigErrors with every problem, and ConfigError for a file that cannot be read or what botocore refuses.
    """

    def __init__(self, site: SiteSource) -> None:
        self.sender = sender_of(site)

    def _answer(
        self, ref: ObjectRef, method: str, conditions: Mapping[str, str], options: SendOptions
    ) -> Answer:
        """Asks for credentials, and waits for them, unless `is_ready` is true for the object."""
        hand_off = self.sender.hand_off(ref, method=method, options=Options(**options))
        status = answer_to_conditions(method, conditions, hand_off.visible_headers) if conditions else None
        log_event(authorized(hand_off, status))
        if status is not None:
            return Answer(status, headers_of_answer(hand_off.visible_headers))
        # NGINX drops this type. Frameworks would say that the empty answer is HTML.
        return Answer(hand_off.status, (("Content-Type", "application/octet-stream"), *hand_off.headers))


def sender_of(site: SiteSource) -> Sender:
    """Return the sender of `site`, with the place of each bucket found.

    Raises ConfigErrors and ConfigError, as `Answers`.
    """
    sender = Sender(site_of(site))
    sender.places.find_all()
    return sender


def record_denial(method: str, status: DeniedStatus, record: DeniedRecord) -> None:
    """Tell the log of a download that is refused with `status`.

    Raises ValueError for another status than 403 and 404.
    """
    if status not in (403, 404):
        raise ValueError(f"a download is denied with 403 or 404, not {status!r}")
    log_event(denied(method, **record))
