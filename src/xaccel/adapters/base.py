"""Base of the adapters for aiohttp, Flask, Starlette, ASGI and WSGI: from a request to the response of a download."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from xaccel.decisions import authorized, log_event
from xaccel.errors import InputRefused, OptionRefused, UploadFailed
from xaccel.events import DownloadEvent, logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.conditions import CONDITIONS, answer_to_conditions, headers_of_answer
from xaccel.handoff.headers import Answer
from xaccel.handoff.middleware_headers import MiddlewareHeaders
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Options, SendArguments
from xaccel.sender import Sender
from xaccel.signing.endpoint import WouldWait, without_waiting
from xaccel.site.protocol import (
    SCOPE_HEADER,
    TOKEN_HEADER,
    TRACE_HEADER,
    UPLOAD_TOKEN_HEADER,
    name_in_environ,
)
from xaccel.site.read_mapping import SiteSource, site_of
from xaccel.site.site import Site

if TYPE_CHECKING:
    from xaccel.features.archives.kept import Layouts
    from xaccel.features.archives.send import Members, ZipArguments
    from xaccel.features.grants.grant import Grant
    from xaccel.features.uploads.decide import Upload, UploadArguments
    from xaccel.handoff.trace_key import Spend, Traced

ENVIRON = {name_in_environ(name): name for name in CONDITIONS}
"""The conditions of a request, by the name that WSGI gives each (PEP 3333)."""
_TOKEN, _TRACE, _SCOPE = map(name_in_environ, (TOKEN_HEADER, TRACE_HEADER, SCOPE_HEADER))
_RAW = {name.lower().encode(): name for name in (*CONDITIONS, TOKEN_HEADER, TRACE_HEADER, SCOPE_HEADER)}


class ClientRequest(NamedTuple):
    """The parts of a client's request that its response depends on.

    conditions: those of CONDITIONS that the request has, lines of one name joined. token: of NGINX; "" without one.
    traced: for `xaccel trace`. address: as NGINX got it, which may remember the hand-off.
    """

    method: str
    conditions: Mapping[str, str]
    token: str = ""
    traced: Traced | None = None
    address: str = ""

    @classmethod
    def of_environ(
        cls, environ: Mapping[str, Any], encoding: str = "latin-1", method: str | None = None
    ) -> ClientRequest:
        """Read a request of WSGI. encoding: of its path. method: if it is not that of `environ`."""
        found = {name: environ[key] for key, name in ENVIRON.items() if key in environ}
        method, traced = environ.get("REQUEST_METHOD", "") if method is None else method, None
        if _TRACE in environ:
            from xaccel.handoff.trace_key import Traced  # few requests are traced

            path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
            query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
            traced = Traced(environ[_TRACE], method, path.encode(encoding, "replace"), query)
        return cls(method, found, environ.get(_TOKEN, ""), traced, environ.get(_SCOPE, ""))

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> ClientRequest:
        """Read a request of ASGI."""
        path = scope.get("path", "").encode("utf-8", "replace")
        return cls.of_raw(scope["method"], scope["headers"], path, scope.get("query_string", b""))

    @classmethod
    def of_raw(
        cls, method: str, headers: Iterable[tuple[bytes, bytes]], path: bytes, query: bytes = b""
    ) -> ClientRequest:
        """Read a request of any server, for adapters of other frameworks.

        headers: all, in their order, with names in any case. path: without percent-encoding, from the root of the
        host. query: as received, without "?". For example, in Tornado:

            path, _, query = handler.request.uri.partition("?")
            headers = [(n.encode(), v.encode("latin-1")) for n, v in handler.request.headers.get_all()]
            ClientRequest.of_raw(handler.request.method, headers, unquote_to_bytes(path), query.encode("latin-1"))
        """
        found: dict[str, str] = {}
        for raw, value in headers:
            if (name := _RAW.get(raw.lower())) is not None:
                text = value.decode("latin-1")
                found[name] = f"{found[name]}, {text}" if name in found else text
        traced = None
        if (key := found.pop(TRACE_HEADER, None)) is not None:
            from xaccel.handoff.trace_key import Traced  # few requests are traced

            traced = Traced(key, method, path, query)
        return cls(method, found, found.pop(TOKEN_HEADER, ""), traced, found.pop(SCOPE_HEADER, ""))


Asked = tuple[ObjectRef, Options]
Responder = Callable[[str, Mapping[str, str]], Answer]
"""From the method, and the headers by names in lower case, to the response."""
InThread = Callable[..., Awaitable[Any]]
"""From a function and its arguments to its result."""


def texts_by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of a request by their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


class BaseDownloads:
    """Base class of all `Downloads`. Thread-safe; make one per process.

    `site` is a Site, a mapping with the keys of a site, or the path of a file of TOML or JSON with them. If an
    origin is a bucket, botocore is loaded here; no request is made.

    Raises ConfigErrors with every problem, and ConfigError if the file is unreadable or botocore refuses a value.
    """

    def __init__(self, site: SiteSource) -> None:
        self.sender = Sender(site_of(site))
        self.sender.places.find_all()
        uploads = self.sender.site.uploads
        if uploads and uploads.of_django:
            text = "UPLOADS: %s do nothing outside Django. Limit uploads by `reserve` of receive_file."
            logger.warning(text, ", ".join(uploads.of_django))

    _warned = False

    def _warn_of(self, others: Iterable[Any], request: Mapping[str, Any], remedy: str) -> None:
        """Warn once if there is other middleware, and nothing passes its headers."""
        if self._warned or MiddlewareHeaders.MARK in request:
            return
        if names := ", ".join(getattr(each, "__qualname__", repr(each)) for each in others):
            self._warned = True
            logger.warning("downloads are sent without the headers, except cookies, of %s. %s", names, remedy)

    def _asked(self, key: str | None, arguments: SendArguments) -> Asked:
        options: dict[str, Any] = {**arguments}
        place = {name: options.pop(name, None) for name in ("origin", "bucket", "url")}
        return self.sender.refer(key, **place), Options(**options)

    def _answer(self, asked: Asked, request: ClientRequest, debug: bool) -> Answer:
        """Waits for credentials unless `is_ready` is true for the object. debug: the app is in debug mode."""
        ref, options = asked
        grant = None
        if options.grant is not None:
            from xaccel.features.grants.grant import make_grant  # a site without grants does not need it

            grant = make_grant(self.sender.site, options)
        hand_off = self.sender.hand_off(ref, method=request.method, options=options)
        answer = answer_of(self.sender.site, hand_off, request, debug=debug, grant=grant)
        log_event(authorized(hand_off, answer.status))
        return answer

    def _archive(
        self, members: Members, arguments: ZipArguments, request: ClientRequest, debug: bool
    ) -> Answer:
        from xaccel.features.archives.send import make_archive  # a site without archives does not need it

        archive = make_archive(self.sender, self._layouts(), members, arguments)
        return self._answer((archive.ref, Options(**archive.options)), request, debug)

    def responder(self, path: str) -> Responder | None:
        """Return what responds to NGINX itself at a path, for `HandOffMiddleware`; None for paths of the app."""
        return find_responder(self.sender, path, self._layouts, log_event)

    def _layouts(self) -> Layouts:
        from xaccel.features.archives.send import layouts_in_folder

        return layouts_in_folder(self.sender.site)

    def _receive(self, origin: str, headers: Mapping[str, str], arguments: UploadArguments) -> Answer:
        from xaccel.features.uploads.receive import receive  # a site without uploads does not need it

        return receive(self.sender, origin, headers, arguments, record=log_event)

    def _received_upload(self, headers: Mapping[str, str]) -> Upload | None:
        if UPLOAD_TOKEN_HEADER.lower() not in headers:
            return None
        from xaccel.features.uploads.receive import received

        return received(self.sender.site, headers)

    def asks(self, headers: Mapping[str, str]) -> bool:
        """Tell whether NGINX asks about an upload, for `HandOffMiddleware`."""
        if UPLOAD_TOKEN_HEADER.lower() not in headers:
            return False
        from xaccel.features.uploads.receive import is_ask

        return is_ask(self.sender.site, headers)

    def refusal(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> Answer | None:
        """Return the response to NGINX with a view's own refusal of an upload; None for another response."""
        from xaccel.features.uploads.own_refusal import refuse_as_the_view

        return refuse_as_the_view(self.sender.site, status, headers, body)

    def find_upload(self, upload: Upload) -> Upload | None:
        """Return an upload with the entity tag of its object; None if that is missing, or is another one.

        For an upload that `reserve` got and `received` did not return. Raises as `xaccel.features.uploads.look.find`.
        """
        from xaccel.features.uploads.look import find

        return find(self.sender, upload)

    def delete_upload(self, upload: Upload) -> None:
        """Delete the object of an upload, if there is one. Raises as `find_upload` does."""
        from xaccel.features.uploads.look import delete

        delete(self.sender, upload)

    def revoke(self, *, user: str | None = None, session: str | None = None, tag: str | None = None) -> None:
        """End remembered grants at once, on every NGINX, and wait for each: `xaccel.features.grants.revoke.revoke`."""
        from xaccel.features.grants.revoke import revoke

        revoke(self.sender.site, user=user, session=session, tag=tag)

    async def _aanswer(
        self,
        in_thread: InThread,
        key: str | None,
        arguments: SendArguments,
        request: ClientRequest,
        debug: bool,
    ) -> Answer:
        try:
            with without_waiting():
                asked = self._asked(key, arguments)
        except WouldWait:
            asked = await in_thread(self._asked, key, arguments)
        if self.sender.is_ready(asked[0]):
            return self._answer(asked, request, debug)
        answer: Answer = await in_thread(self._answer, asked, request, debug)
        return answer


def find_responder(
    sender: Sender, path: str, layouts: Callable[[], Layouts], record: Callable[[DownloadEvent], object]
) -> Responder | None:
    """Return what responds to NGINX itself at a path: it assembles an archive, or has a grant for a folder.

    None for paths of the app. layouts: finds those of archives. record: reports a member that is denied.
    """
    if sender.site.is_for_archives(path):
        from xaccel.features.archives.assemble import respond  # a site without archives does not need it

        return lambda method, headers: respond(sender, layouts(), method, headers, record)
    if sender.site.is_for_signatures(path):
        from xaccel.features.grants.folder import sign  # a site without grants does not need it

        return partial(sign, sender, path)
    return None


def refuse_upload(failed: UploadFailed, accept: str) -> Answer:
    """Return the response for a client whose file the storage did not take. accept: its header Accept."""
    from xaccel.features.uploads.decide import Refusal  # a site without uploads does not need it
    from xaccel.features.uploads.receive import response

    return response(Refusal(failed.status, failed.what), accept)


def answer_of(
    site: Site,
    hand_off: HandOff,
    request: ClientRequest,
    *,
    debug: bool,
    spend: Spend | None = None,
    grant: Grant | None = None,
) -> Answer:
    """Return the response with the hand-off, or the 304 or 412 that the app's own validators lead to.

    In debug mode it is a page for a request that did not come through NGINX. spend: as `trace_headers` has it,
    for apps on several machines.
    """
    method, conditions, token, traced, address = request
    status = answer_to_conditions(method, conditions, hand_off.visible_headers) if conditions else None
    more = [] if status == 304 else [("Content-Length", "0")]
    granted = []
    if grant is not None and hand_off.grant_s and status is None:
        from xaccel.features.grants.grant import grant_headers

        granted = grant_headers(site, grant, hand_off, token=token, address=address)
    if traced is not None:
        from xaccel.handoff.trace_key import spend_on_machine, trace_headers

        said = f"{hand_off.grant_s} s for this session" if granted else _why_not(hand_off, grant, status)
        more += trace_headers(site, traced, hand_off, status, spend or spend_on_machine, grant=said)
    else:
        more += granted
    if status is not None:
        return Answer(status, (*headers_of_answer(hand_off.visible_headers), *more))
    if debug:
        from xaccel.handoff.without_nginx import page
        from xaccel.site.keys import is_from_nginx  # no worker of a deployment needs these

        if not is_from_nginx(site, token):
            return page(method)
    # NGINX drops this type. Frameworks would say that the empty response is HTML.
    return Answer(hand_off.status, (("Content-Type", "application/octet-stream"), *hand_off.headers, *more))


def _why_not(hand_off: HandOff, grant: Grant | None, status: int | None) -> str:
    """Return why NGINX remembers no hand-off, for `xaccel trace`."""
    if not hand_off.grant_s:
        return "none: the call has no `grant`"
    if grant is None:
        return "none: the call has no session"
    return f"none: the app responds with {status}" if status else "none: NGINX has no `paths` for this URL"


def require_own_cookie(site: Site, signed: str) -> None:
    """Raise OptionRefused if GRANTS names the cookie `signed`, into which the framework signs a session's content."""
    if site.grants is not None and site.grants.cookie == signed:
        what = f"the cookie {signed!r} has the signed content of the session, which is no stable id"
        remedy = (
            "Set another cookie with a random id, name it in GRANTS, and pass its value as grant_session."
        )
        raise OptionRefused(what, where="grant", remedy=remedy)


def as_framework_error(refused: InputRefused, base: type[Exception], **attributes: Any) -> InputRefused:
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
