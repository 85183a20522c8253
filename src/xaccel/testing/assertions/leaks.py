"""Assert that a response shows the client nothing of the storage."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from xaccel.handoff.visible_headers import public_name
from xaccel.testing.assertions.received import Received, received

_TO_NGINX = ("x-accel-", "xaccel-")
_SIGNED = ("X-Amz-Signature", "X-Amz-Credential", "AWS4-HMAC-SHA256", "AWSAccessKeyId", "X-Goog-Signature")
"""Words of signed URLs and hand-offs that no user may see."""

_SECRET_PARAMETER = re.compile(r"signature|credential|token|^sig$", re.IGNORECASE)
_AROUND = 30


def assert_nothing_leaked(response: Any, *secrets: str | bytes) -> None:
    """Assert that nothing which the client sees holds one of `secrets`, or what no client may see in any case.

    The client sees the headers, the cookies, the body, and of a hand-off the values that NGINX passes on (name, type,
    validators, declared headers), but not its other private headers. Each secret is also looked for percent-encoded and
    as HTML writes it. The URL, host, signature and secret of a hand-off need not be given. In a response that is no
    hand-off, a private header is a leak itself.

    Raises AssertionError, which names every place; ValueError for an empty secret, which every response has.
    """
    __tracebackhide__ = True
    answer = received(response)
    handed_off = answer.value("X-Accel-Redirect") is not None
    wanted = [secret.decode("latin-1") if isinstance(secret, bytes) else secret for secret in secrets]
    if not all(wanted):
        raise ValueError("an empty secret is in every answer: pass what must not be seen")
    hidden = dict.fromkeys([*wanted, *_SIGNED, *_of_hand_off(answer)])
    found = [
        f"the private header {name} is in an answer that is no hand-off: {value!r}"
        for name, value in answer.headers
        if not handed_off and name.lower().startswith("xaccel-")
    ]
    found += [
        f"{secret!r} is in {where}: {_excerpt(text, written)!r}"
        for where, text in _seen(answer, handed_off=handed_off)
        for secret in hidden
        if (written := next((form for form in _forms(secret) if form in text), None)) is not None
    ]
    if found:
        raise AssertionError("\n  ".join(["the client sees what it must not:", *found]))


def _of_hand_off(answer: Received) -> Iterator[str]:
    """Yield what a hand-off tells NGINX alone."""
    yield from answer.values("Xaccel-Auth")
    for url in answer.values("Xaccel-Url"):
        parts = urlsplit(url)
        yield from (url, url.partition("?")[0], parts.netloc)
        yield from (value for name, value in parse_qsl(parts.query) if _SECRET_PARAMETER.search(name))


def _seen(answer: Received, *, handed_off: bool) -> Iterator[tuple[str, str]]:
    for name, value in answer.headers:
        shown = public_name(name) if handed_off else None
        if shown is not None:
            yield f"the header {shown} (the hand-off's {name})", value
        elif not name.lower().startswith(_TO_NGINX):
            yield f"the header {name}", value
    yield "the body", answer.body.decode("latin-1")


def _forms(secret: str) -> tuple[str, ...]:
    # a body is looked at byte by byte, so that no charset has to be guessed
    plain = (secret, secret.encode().decode("latin-1"))
    return (*plain, quote(secret), quote(secret, safe=""), *(html.escape(form) for form in plain))


def _excerpt(text: str, written: str) -> str:
    start = text.index(written)
    return text[max(0, start - _AROUND) : start + len(written) + _AROUND]
