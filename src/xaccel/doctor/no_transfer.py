"""Find out who responded to a download whose transfer did not begin: NGINX, or the app; and why."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from xaccel.doctor.evidence import Evidence, Skipped
from xaccel.doctor.location import Location
from xaccel.doctor.own_directives import effective
from xaccel.doctor.running_site import OF_NGINX, RunningSite
from xaccel.http_client.exchange import Exchange

_OF_NGINX = re.compile(rb"<center>(?:nginx|openresty|angie|freenginx)\b")
"""In each page that NGINX makes itself."""
_SENT = (200, 206)
_MOVED = (301, 302, 303, 307, 308)
_GATEWAY = (502, 503, 504)
_LIMITS = (429, 503)
_RULES = {
    401: ("auth_basic", "auth_jwt", "auth_request"),
    403: ("deny", "auth_request", "internal"),
    405: ("limit_except",),
    414: ("large_client_header_buffers", "client_header_buffer_size"),
    **dict.fromkeys(_LIMITS, ("limit_req", "limit_conn")),
}
"""The directives with which NGINX itself responds so."""
_OWN_LOCATION = (
    "Compare the URL with the `location` that takes it. The location that proxies to the app must get the URLs of"
    " downloads: give it precedence (`^~`), or narrow the other one."
)
_NO_SUCH = (
    "Name a download that exists, and that the client of `--header` may have: compare the path with the app's URLs, and"
    " look for `download denied` in the app's log."
)
_WITHHELD = (
    "Remove `proxy_pass_request_headers off;` and each `proxy_set_header` that replaces these headers from the location"
    " of the app: without them the app does not know the user."
)
_HEADERS = "The cookies or other headers of this client are larger than {one} accepts. "
_BY_WORDS = (
    (
        r"bind\([^)]*\) failed",
        "`proxy_bind` in NGINX's configuration names an address that this machine does not have: correct or remove it.",
    ),
    (
        "sent too big header|HeadTooLarge",
        "The app runs, and the head of its response is larger than NGINX's buffer (24 KB with app.conf). Find the"
        " header that has grown, often Set-Cookie or Content-Security-Policy, and shorten it.",
    ),
    (
        "Header Or Cookie Too Large",
        f"{_HEADERS.format(one='NGINX')}Find the code that sets them, or raise `large_client_header_buffers`.",
    ),
    (
        r"(?:with|status) 431\b",
        f"{_HEADERS.format(one='the app server')}Find the code that sets them, or raise its limit.",
    ),
)
"""Remedies by words of NGINX's error log, of its page or of the app's response."""
_PROXY_BETWEEN = (
    "If a second NGINX or another proxy is between this NGINX and the app, it follows X-Accel-Redirect itself: write"
    " `proxy_ignore_headers X-Accel-Redirect;` and `proxy_pass_header X-Accel-Redirect;` there. Otherwise name a"
    " download that exists."
)
_OTHER = "Look at the app's log: its view, or a middleware before it, responds so."
_OTHER_HOST = (
    "Name the address that the app wants: --url {url}. If users get this redirect too, compare the Host that NGINX"
    " sends with the one that the app expects."
)
_WWW = (
    "The app only adds `www.`, as PREPEND_WWW of Django does. Switch that off, or add this name to DNS and to the"
    " certificate, and check it: --url {url}."
)
_SLOW = (
    "The app server runs, and is busy or hangs: look at its workers, its database and its log. If downloads need this"
    " long, raise `proxy_read_timeout` in the location of the app."
)


def no_transfer(
    stack: RunningSite, reply: Exchange, said: tuple[str, ...], *, is_logged: bool
) -> tuple[int, Evidence] | None:
    """Return the number of the check to which a response without a log entry belongs; None: to none of them.

    said: the messages of NGINX's error log about it. is_logged: a transfer would have an entry.
    """
    page = _OF_NGINX.search(reply.body) is not None
    app = stack.from_app if is_logged or page else None
    if reply.status in _SENT and not page:
        sends = app is not None and app.status in _SENT and not _hands_off(app)
        seen = f"the app responds with {reply.status}, and without X-Accel-Redirect"
        return (623, Evidence(seen)) if sends else None
    log = "".join(f"; NGINX's error log says: {text}" for text in said)
    if reply.status == 0 or (page and reply.status in _GATEWAY) or (app and app.status == 0):
        return _unreached(stack, reply, app, log)
    if page or (app and (_hands_off(app) or app.status != reply.status)):
        does = (
            "hands the download off"
            if app and _hands_off(app)
            else f"responds with {app.status}"
            if app
            else ""
        )
        return 617, _by_nginx(stack, reply, (f"the app {does}" if app else "the page is NGINX's own") + log)
    if app and stack.app and (lost := stack.app.withheld(app, stack.headers)):
        seen = f"{stack.app.location.shown} does not pass {' and '.join(lost)} of the client to the app"
        return 617, Evidence(f"{seen}, which responds with {app.status}", remedy=_WITHHELD)
    if not is_logged and reply.status in (404, *_GATEWAY):
        return None  # perhaps of a transfer
    return _by_app(
        stack, reply, f"the {'app responds with' if app else 'response has'} status {reply.status}"
    )


def _by_words(text: str) -> str:
    return next((remedy for words, remedy in _BY_WORDS if re.search(words, text)), "")


def _hands_off(app: Exchange) -> bool:
    return bool(app.header("X-Accel-Redirect"))


def _unreached(stack: RunningSite, reply: Exchange, app: Exchange | None, log: str) -> tuple[int, Evidence]:
    """Tell an app that hangs from one that does not run, and both from a storage that hangs."""
    seen = f"status {reply.status}" if reply.status else f"no response ({reply.problem})"
    where = f"the app at {stack.app.shown}" if stack.app else "the app"
    if app and _hands_off(app):
        if reply.status == 0:
            text = f"{seen}, although {where} hands the download off: NGINX waits for the storage{log}"
            return 606, Evidence(text, remedy="Compare the time that the storage needs with `--timeout`.")
        return 602, Evidence(f"{seen}, although {where} hands the download off now{log}")
    if app and app.status:
        text = f"{seen}, although {where} responds with {app.status} now{log}"
        return 602, Evidence(text, remedy=_by_words(log))
    is_slow = isinstance(app.error, TimeoutError) if app else "timed out" in reply.problem + log
    if is_slow:
        return 602, Evidence(f"{seen}: {where} does not respond in time{log}", remedy=_SLOW)
    text = f"{seen}{f': {where}: {app.problem}' if app else ''}{log}"
    return 602, Evidence(text, remedy=_by_words(text))


def _by_nginx(stack: RunningSite, reply: Exchange, why: str) -> Evidence:
    found = _location(stack)
    rules = [name for name in _RULES.get(reply.status, ()) if found and found.value(name)]
    place = f" ({found.shown}{''.join(f', with {name}' for name in rules)})" if found else ""
    text = f"status {reply.status} does not come from the app{place}: {why}"
    if found and not found.includes_app:
        return Evidence(text, remedy=_OWN_LOCATION)
    if rules:
        names = " and ".join(f"`{name}`" for name in rules)
        return Evidence(
            text,
            remedy=f"{names} in NGINX's configuration refuses the request: remove or change it for downloads.",
        )
    return Evidence(text, remedy=_by_words(reply.body.decode("latin-1") + why))


def _location(stack: RunningSite) -> Location | None:
    try:
        return stack.location
    except Skipped:
        return None


def _by_app(stack: RunningSite, reply: Exchange, seen: str) -> tuple[int, Evidence]:
    status = reply.status
    if status in _MOVED:
        return _moved(stack, reply, seen)
    if status == 400:
        return 619, _bad_host(stack, seen)
    if status >= 500:
        return 621 if status == 501 else 620, Evidence(seen)
    if status in (404, 502) and stack.from_app and OF_NGINX.match(stack.from_app.header("Server")):
        name = stack.from_app.header("Server")
        shown = stack.app.shown if stack.app else "its address"
        return 605, Evidence(f"{seen}, and {shown} is an NGINX (Server: {name})", remedy=_PROXY_BETWEEN)
    login = status in (*_SENT, 401, 403)
    return 605, Evidence(
        seen, remedy="" if login else _NO_SUCH if status in (404, 410) else _by_words(seen) or _OTHER
    )


def _moved(stack: RunningSite, reply: Exchange, seen: str) -> tuple[int, Evidence]:
    here = stack.door.url + stack.target
    there = urljoin(here, reply.header("Location"))
    shown = f"{seen}, and redirects to {there.partition('?')[0]}"
    old, new = urlsplit(here), urlsplit(there)
    if old.path.rstrip("/") != new.path.rstrip("/"):
        return 605, Evidence(shown)
    if old.hostname != new.hostname:
        remedy = _WWW if new.hostname == f"www.{old.hostname}" else _OTHER_HOST
        return 618, Evidence(shown, remedy=remedy.format(url=f"{new.scheme}://{new.netloc}"))
    if old.path != new.path:
        return 605, Evidence(shown, remedy=f"Write the path as the app has it: {new.path}.")
    return 618, Evidence(shown)


def _bad_host(stack: RunningSite, seen: str) -> Evidence:
    found = _location(stack)
    sent = (
        "".join(
            line.words[2]
            for line in effective("proxy_set_header", found.path)
            if line.words[1].lower() == "host"
        )
        if found
        else ""
    )
    host = urlsplit(stack.door.url).hostname
    if found and sent not in ("$http_host", "$host"):
        text = f"{seen}: its location sends the Host {sent or '$proxy_host, the default'}"
        return Evidence(
            text, remedy="Write `proxy_set_header Host $http_host;` into the location of the app."
        )
    return Evidence(f"{seen}: it may not accept the Host {host}")
