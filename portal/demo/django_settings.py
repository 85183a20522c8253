"""The portal's settings, with a quick password hash and a log of refusals for the terminal."""

from __future__ import annotations

import json
import logging

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from portal.settings import *  # noqa: F403
from portal.settings import DATA_DIR, LOGGING
from xaccel.events import DownloadEvent

PASSWORD_HASHERS = [f"{__name__}.DemoPasswordHasher"]


def is_refusal(record: logging.LogRecord) -> bool:
    """Return True for a decision of the app that denies a download."""
    event = getattr(record, "xaccel", None)
    return isinstance(event, DownloadEvent) and not event.allowed


class RefusalFormatter(logging.Formatter):
    """Makes a JSON object of a refusal."""

    def format(self, record: logging.LogRecord) -> str:
        event = record.xaccel  # type: ignore[attr-defined]
        fields = {name: getattr(event, name) for name in ("subject", "method", "key", "reason")}
        return json.dumps({**fields, "at": event.at.timestamp()})


LOGGING = {
    **LOGGING,
    "formatters": {**LOGGING["formatters"], "refusal": {"()": RefusalFormatter}},
    "handlers": {
        **LOGGING["handlers"],
        "refusals": {
            "class": "logging.FileHandler",
            "filename": DATA_DIR / "refused.jsonl",
            "delay": True,
            "filters": ["refusal"],
            "formatter": "refusal",
        },
    },
    "filters": {"refusal": {"()": "django.utils.log.CallbackFilter", "callback": is_refusal}},
    "loggers": {**LOGGING["loggers"], "xaccel": {"handlers": ["refusals"], "level": "WARNING"}},
}


class DemoPasswordHasher(PBKDF2PasswordHasher):
    """Django's own hash with few iterations, for the demo only: its passwords are random, and of no use elsewhere.

    A million iterations would take a quarter of a second each time that a user, a test or the check signs in.
    """

    iterations = 1000
