"""Base of the adapters for Flask, Starlette, ASGI and WSGI: build the response to a download, and log it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Unpack

from xaccel.errors import FileNameRefused, InputRefused, KeyRefused
from xaccel.events import DeniedRecord, DownloadEvent, by_the_app, denied, log_event, logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.conditions import CONDITIONS, answer_to_conditions, headers_of_answer
from xaccel.handoff.headers import DECLARED, PRIVATE_NAMES, Answer, keeps_shared_caches_out, plain_response
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.trace_key import ENVIRON as TRACE_ENVIRON
from xaccel.handoff.trace_key import HEADER as TRACE_HEADER
from xaccel.handoff.trace_key import Spend, Traced, spend_on_machine, trace_headers
from xaccel.handoff.without_nginx import TOKEN_HEADER, is_from_nginx, page
from xaccel.options import Options, SendArguments
from xaccel.sender import Sender
from xaccel.signing.endpoint import WouldWait, without_waiting
from xaccel.site import Site
from xaccel.site.read_mapping import SiteSource, site_of
from xaccel.site.rules import header_value_ok

DeniedStatus = Literal[403, 404]
ENVIRON = {f"HTTP_{name.upper().replace('-', '_')}": name for name in CONDITIONS}
"""The conditions of a request, by the name that WSGI gives each (PEP 3333)."""
_TOKEN = f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}"
_RAW = {name.lower().encode(): name for name in (*CONDITIONS, TOKEN_HEADER, TRACE_HEADER)}
_DOUBLED = {"content-disposition", "expires", "accept-ranges"}
"""NGINX copies these from the app's response, and sends them in addition to the download's headers."""
_NOT_LOST = {
    "content-type",
    "content-length",
    "set-cookie",
    "date",
    "server",
    "connection",
    "x-accel-redirect",
}
DATA_REFUSED = (KeyRefused, FileNameRefused)
"""Errors of stored data, not of the program or the settings."""


class ClientRequest(NamedTuple):
    """The parts of a client's request that its response depends on.

    conditions: those of CONDITIONS that the request has, lines of one name joined. token: of NGINX; "" without one.
    traced: for `xaccel trace`.
    """

    method: str
    conditions: Mapping[str, str]
    token: str = ""
    traced: Traced | None = None

    @classmethod
    def of_environ(
        cls, environ: Mapping[str, Any], encoding: str = "latin-1", method: str | None = None
    ) -> ClientRequest:
        """Read a request of WSGI. encoding: of its path. method: if it is not that of `environ`."""
        found = {name: environ[key] for key, name in ENVIRON.items() if key in environ}
        method, traced = environ.get("REQUEST_METHOD", "") if method is None else method, None
        if TRACE_ENVIRON in environ:
            path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
            query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
            traced = Traced(environ[TRACE_ENVIRON], method, path.encode(encoding, "replace"), query)
        return cls(method, found, environ.get(_TOKEN, ""), traced)

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> ClientRequest:
        """Read a request of ASGI."""
        found: dict[str, str] = {}
        for raw, value in scope["headers"]:
            if (name := _RAW.get(raw.lower())) is not None:
                text = value.decode("latin-1")
                found[name] = f"{found[name]}, {text}" if name in found else text
        method, traced = scope["method"], None
        if (key := found.pop(TRACE_HEADER, None)) is not None:
            path = scope["path"].encode("utf-8", "replace")
            traced = Traced(key, method, path, scope.get("query_string", b""))
        return cls(method, found, found.pop(TOKEN_HEADER, ""), traced)


Asked = tuple[ObjectRef, Options]
InThread = Callable[..., Awaitable[Any]]
"""From a function and its arguments to its result."""


class BaseDownloads:
    """Base class of all `Downloads`. Thread-safe; make one per process.

    `site` is a Site, a mapping with the keys of a site, or the path of a file of TOML or JSON with them. If an
    origin is a bucket, botocore is loaded here; no request is made.

    Raises ConfigErrors with every problem, and ConfigError if the file is unreadable or botocore refuses a value.
    """

    def __init__(self, site: SiteSource) -> None:
        self.sender = Sender(site_of(site))
        self.sender.places.find_all()

    _warned = False

    def _warn_of(self, others: Iterable[Any], request: Mapping[str, Any], remedy: str) -> None:
        """Warn once if there is other middleware, and nothing passes its headers."""
        if self._warned or HeadersOfOthers.MARK in request:
            return
        if names := ", ".join(getattr(each, "__qualname__", repr(each)) for each in others):
            self._warned = True
            logger.warning("downloads are sent without the headers, except cookies, of %s. %s", names, remedy)

    def _asked(self, key: str | None, arguments: SendArguments) -> Asked:
        options: dict[str, Any] = {**arguments}
        place = {name: options.pop(name, None) for name in ("origin", "bucket", "url")}
        return self.sender.refer(key, **place), Options(**options)

    def _answer(self, asked: Asked, request: ClientRequest, *, debug: bool) -> Answer:
        """Waits for credentials unless `is_ready` is true for the object. debug: the app is in debug mode."""
        ref, options = asked
        hand_off = self.sender.hand_off(ref, method=request.method, options=options)
        answer = answer_of(self.sender.site, hand_off, request, debug=debug)
        log_event(authorized(hand_off, answer.status))
        return answer

    async def _aanswer(
        self,
        in_thread: InThread,
        key: str | None,
        arguments: SendArguments,
        request: ClientRequest,
        *,
        debug: bool,
    ) -> Answer:
        try:
            with without_waiting():
                asked = self._asked(key, arguments)
        except WouldWait:
            asked = await in_thread(self._asked, key, arguments)
        if self.sender.is_ready(asked[0]):
            return self._answer(asked, request, debug=debug)
        answer: Answer = await in_thread(self._answer, asked, request, debug=debug)
        return answer


def answer_of(
    site: Site, hand_off: HandOff, request: ClientRequest, *, debug: bool, spend: Spend = spend_on_machine
) -> Answer:
    """Return the response with the hand-off, or the 304 or 412 that the app's own validators lead to.

    In debug mode it is a page for a request that did not come through NGINX. spend: as `trace_headers` has it.
    """
    method, conditions, token, traced = request
    status = answer_to_conditions(method, conditions, hand_off.visible_headers) if conditions else None
    more = [] if status == 304 else [("Content-Length", "0")]
    if traced is not None:
        more += trace_headers(site, traced, hand_off, status, spend)
    if status is not None:
        return Answer(status, (*headers_of_answer(hand_off.visible_headers), *more))
    if debug and not is_from_nginx(site, token):
        return page(method)
    # NGINX drops this type. Frameworks would say that the empty response is HTML.
    return Answer(hand_off.status, (("Content-Type", "application/octet-stream"), *hand_off.headers, *more))


def in_order(site: Site, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of a hand-off, with those that middleware set where NGINX sends them to the user, once.

    Headers of RESPONSE_HEADERS move into the hand-off, unless the view passed them. A Cache-Control that keeps shared
    caches out replaces the default one.
    """
    carriers = {name.lower(): f"{DECLARED}{name}" for name in site.response_headers}
    carriers["cache-control"] = PRIVATE_NAMES["Cache-Control"]
    kept: list[tuple[str, str]] = []
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        if (lower := name.lower()) in carriers:
            found[lower].append(value)
        elif lower not in _DOUBLED:
            kept.append((name, value))
    of_view = {name.lower() for name, _ in kept}
    for lower, values in found.items():
        name, value, carrier = lower.title(), ", ".join(dict.fromkeys(values)), carriers[lower]
        if carrier.lower() in of_view:
            continue
        if not header_value_ok(value):
            logger.warning("the header %s was dropped from a download: it is not printable ASCII", name)
        elif lower == "cache-control" and not keeps_shared_caches_out(value):
            logger.warning(
                "Cache-Control %r was dropped from a download: it lets shared caches store it. Pass cache_control= and"
                " allow_shared_cache=True to send_file if everybody may have the file.",
                value,
            )
        else:
            kept.append((carrier, value))
    return kept


class HeadersOfOthers:
    """Passes headers that other middleware set on hand-offs of `downloads`. Warns once of those that NGINX drops."""

    MARK = "xaccel.headers_of_others"
    """In the scope or environ of a request that this class sees."""

    def __init__(self, downloads: BaseDownloads) -> None:
        self._site = downloads.sender.site
        self._warned = False

    def passed(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of a response; they change only if it is a hand-off of the site."""
        if not any(name.lower() == "xaccel-auth" and value in self._site.secrets for name, value in headers):
            return headers
        ordered = in_order(self._site, headers)
        names = {name.title() for name, _ in ordered if not name.lower().startswith("xaccel-")}
        lost = sorted(name for name in names if name.lower() not in _NOT_LOST)
        if lost and not self._warned:
            self._warned = True
            logger.warning(
                "downloads are sent without %s, which middleware sets. List them in RESPONSE_HEADERS, and generate the"
                " NGINX configuration again.",
                ", ".join(lost),
            )
        return ordered


def authorized(hand_off: HandOff, status: int) -> DownloadEvent:
    """Return the event of an allowed download.

    If `status` is 304 or 412, the app responded to the client's conditions itself. NGINX then writes no log entry, so
    the event has no transfer id.
    """
    by_app = status in (304, 412)
    return DownloadEvent(
        transfer_id="" if by_app else hand_off.transfer_id,
        allowed=True,
        origin=hand_off.origin,
        key=hand_off.key,
        method=hand_off.method,
        subject=hand_off.subject,
        filename=hand_off.filename,
        as_attachment=hand_off.as_attachment,
        reason=by_the_app(status) if by_app else "",
        at=datetime.now(UTC),
        version=hand_off.version,
        size=hand_off.size,
        bucket=hand_off.bucket,
        query=hand_off.query,
    )


def record_denial(method: str, status: DeniedStatus, record: DeniedRecord) -> Answer:
    """Log a download that is denied with `status`, and return the plain response for it.

    Raises ValueError for another status than 403 and 404.
    """
    if status not in (403, 404):
        raise ValueError(f"a download is denied with 403 or 404, not {status!r}")
    log_event(denied(method, **record))
    return plain_response(status, method)


def refusal_event(method: str | None, refused: InputRefused, **record: Unpack[DeniedRecord]) -> DownloadEvent:
    """Return the event of a download that is denied because of `refused`, and log what is wrong."""
    logger.warning("a download was refused with 404: %s", refused)
    record["key"] = record["key"].encode("utf-8", "replace").decode("utf-8")
    record["reason"] = type(refused).__name__
    return denied(method, **record)


def log_refusal(refused: InputRefused, method: str, key: str | None, arguments: SendArguments) -> int:
    """Log `refused`, and return the status for it.

    An invalid stored key or name is 404, and recorded as denied. Any other one is a mistake in the call: 400, with the
    traceback in the log.
    """
    if isinstance(refused, DATA_REFUSED):
        record: dict[str, Any] = {name: arguments.get(name) or "" for name in ("subject", "origin", "bucket")}
        log_event(refusal_event(method, refused, key=key or "", **record))
        return 404
    logger.error("a download was refused with 400: %s", refused, exc_info=refused)
    return 400


def as_framework_error(
    refused: InputRefused, base: type[Exception], attributes: Mapping[str, Any] = MappingProxyType({})
) -> InputRefused:
    """Return `refused` as an exception of its class and of a framework's, to which the framework responds.

    The class of `refused` comes first, and so does an app's handler for it. attributes: what the framework's
    constructor would set.
    """
    kind = _of_both(type(refused), base)  # type: ignore[arg-type]  # to mypy, a class is not hashable
    error = kind(refused.what, where=refused.where, remedy=refused.remedy)
    vars(error).update(attributes)
    return error


@cache
def _of_both(refused: type[InputRefused], base: type[Exception]) -> type[InputRefused]:
    return type(refused.__name__, (refused, base), {})
