"""The named breaks, and which check is meant to find each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.demo import app_breaks, nginx_breaks

if TYPE_CHECKING:
    from portal.demo.stack import Stack


@dataclass(frozen=True, slots=True)
class Failure:
    """what: the break in words. question: the module of check/ that holds the meant checks. meant: names of checks."""

    what: str
    question: str
    meant: frozenset[str]


def _failure(what: str, question: str, *meant: str) -> Failure:
    return Failure(what, question, frozenset(meant))


FAILURES: dict[str, Failure] = {
    "hide-list-removed": _failure("the storage's response headers pass", "traces", "no-trace-of-storage"),
    "internal-removed": _failure("the internal locations are open", "internal", "internal-locations"),
    "secret-missing": _failure("NGINX takes a hand-off without the secret", "forgery", "forged-hand-off"),
    "cookie-passed-on": _failure(
        "the origin gets the session cookie", "origin_view", "origin-gets-no-cookie"
    ),
    "authorization-passed-on": _failure(
        "the origin gets Authorization", "origin_view", "origin-gets-no-authorization"
    ),
    "all-request-headers-passed-on": _failure(
        "the origin gets every header of the request", "origin_view", "origin-gets-no-private-header"
    ),
    "origin-obeyed": _failure("an origin's X-Accel-Redirect counts", "origin_view", "origin-steers-nothing"),
    "error-pages-removed": _failure("the storage's own error pages pass", "storage_errors", "error-pages"),
    "error-saved-under-file-name": _failure(
        "an error page carries the file's name", "storage_errors", "error-pages"
    ),
    "disposition-doubled": _failure("two Content-Disposition lines", "downloads", "file-name"),
    "cache-control-public": _failure("shared caches may keep the file", "downloads", "cache-control"),
    "nosniff-removed": _failure("the browser may guess the type", "downloads", "nosniff"),
    "policy-removed": _failure("a page that was uploaded may run scripts", "downloads", "content-security"),
    "range-dropped": _failure("the origin never gets a Range", "ranges", "resume"),
    "if-range-ignored": _failure("a resumed download mixes two versions", "ranges", "if-range"),
    "url-in-header": _failure("a header shows the signed URL", "traces", "no-trace-of-storage"),
    "url-in-log": _failure("the JSON line holds the signed URL", "logs", "no-secret-in-logs"),
    "error-log-open": _failure("NGINX's messages hold the signed URL", "logs", "no-secret-in-logs"),
    "transfers-not-logged": _failure("no JSON line is written", "line_log", "line-log"),
    "head-signed-as-get": _failure("HEAD has a signature for GET", "head", "head"),
    "wrong-object": _failure("an object key is decoded once too often", "downloads", "bytes"),
    "file-name-broken": _failure("the header has the name unquoted", "downloads", "file-name"),
    "permission-not-checked": _failure(
        "every signed-in user gets every file", "refusals", "refused-others-file", "refused-without-grant"
    ),
    "revocation-ignored": _failure("a grant counts after it was taken back", "revocation", "revoked"),
    "redirect-instead-of-hand-off": _failure(
        "the browser is sent to the storage", "traces", "no-trace-of-storage"
    ),
    "bytes-streamed-through-python": _failure("the app sends the bytes itself", "line_log", "line-log"),
    "refusals-forgotten": _failure("the audit trail misses refusals", "decisions", "decisions"),
    "trail-forgotten": _failure("the audit trail misses what the app decides", "audit_trail", "audit-trail"),
    "one-id-for-all": _failure("all transfers have the same id", "line_log", "line-log"),
    "bucket-on-a-page": _failure("a page of the portal names the bucket", "traces", "no-trace-of-storage"),
}

if FAILURES.keys() != app_breaks.BREAKS.keys() | nginx_breaks.BREAKS.keys():
    raise LookupError("a break without a check, or a check without a break")


@contextmanager
def broken(stack: Stack, name: str) -> Iterator[None]:
    """Break the running servers until the block ends. Raises NothingChanged, NginxError and ServerFailed."""
    if name in app_breaks.BREAKS:
        note = stack.folder / "portal" / app_breaks.NOTE
        note.write_text(name)
        try:
            stack.renew_workers()
            yield
        finally:
            note.unlink()
            stack.renew_workers()
        return
    stack.reload(nginx_breaks.BREAKS[name](stack.sound))
    try:
        yield
    finally:
        stack.reload()
