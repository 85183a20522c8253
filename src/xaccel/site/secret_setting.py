"""The secret that the app and the NGINX text of a site share, read from its mapping."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from xaccel.errors import ConfigError

PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters"
"""What stands in the documentation and the examples. Whoever knows it could forge a hand-off."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
_MAKE_ONE = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'."


def read(value: Any, path: str, found: list[ConfigError]) -> tuple[str, ...]:
    """Return the secrets of `value`, which is one text, or a list while rotating. Problems go to `found`."""
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    given: tuple[Any, ...] = tuple(value) if listed else () if value is None else (value,)
    if not 1 <= len(given) <= 2:
        found.append(
            ConfigError(
                "the site has no secret, or more than two",
                where=path,
                remedy=f"{_MAKE_ONE} While rotating, give a list of two, the new one first.",
            )
        )
    elif not all(isinstance(secret, str) and _SECRET.fullmatch(secret) for secret in given):
        found.append(
            ConfigError(
                "a secret is too short or holds other characters",
                where=path,
                remedy="Use 32 to 128 letters, digits, '-' and '_'.",
            )
        )
    elif PLACEHOLDER in given:
        found.append(
            ConfigError(
                "the secret is the one of the documentation, which everybody knows",
                where=path,
                remedy=_MAKE_ONE,
            )
        )
    return given
