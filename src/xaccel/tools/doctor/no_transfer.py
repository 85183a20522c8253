"""Find out who responded to a download whose transfer did not begin: NGINX, or the app; and why."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from xaccel.http_client.exchange import Exchange
from xaccel.site.protocol import REDIRECT_HEADER
from xaccel.tools.doctor.check import REMEDIES, Evidence, remedy_for
from xaccel.tools.doctor.first_download import reported_hand_off
from xaccel.tools.doctor.location import is_this_machine, remedy_for_unreached
from xaccel.tools.doctor.running_site import LIMITED, OF_NGINX, RunningSite
from xaccel.tools.explain.trace_download import NGINX_PAGE
from xaccel.tools.lint.tree import effective

_SENT = (200, 206)
_MOVED = (301, 302, 303, 307, 308)
_GATEWAY = (502, 503, 504)
_RULES = {
    401: ("auth_basic", "auth_jwt", "auth_request"),
    403: ("deny", "auth_request", "internal"),
    405: ("limit_except",),
    414: ("large_client_header_buffers", "client_header_buffer_size"),
    **dict.fromkeys(LIMITED, ("limit_req", "limit_conn")),
}
"""The directives with which NGINX itself responds so."""


def no_transfer(
    stack: RunningSite, reply: Exchange, said: tuple[str, ...], *, is_logged: bool
) -> Evidence | None:
    """Return the evidence in a response without a log entry, for its check; None: it belongs to none.

    said: the messages of NGINX's error log about it. is_logged: a transfer would have an entry.
    """
    page = NGINX_PAGE.search(reply.body) is not None
    app = stack.from_app if is_logged or page else None
    if reply.status in _SENT and not page:
        if app and app.status in _SENT and not _hands_off(app):
            return Evidence(f"the app {_does(app)}, and without X-Accel-Redirect", check="XA623")
        return None
    log = "".join(f"; NGINX's error log says: {text}" for text in said)
    if reply.status == 0 or (page and reply.status in _GATEWAY) or (app and app.status == 0):
        return _unreached(stack, reply, app, log)
    if page or (app and (_hands_off(app) or app.status != reply.status)):
        return _by_nginx(stack, reply, (f"the app {_does(app)}" if app else "the page is NGINX's own") + log)
    if app and stack.app and (lost := stack.app.withheld(app, stack.headers)):
        seen = f"{stack.app.location.shown} does not pass {' and '.join(lost)} of the client to the app"
        return Evidence(f"{seen}, which {_does(app)}", remedy=REMEDIES["withheld"], check="XA617")
    is_perhaps_a_transfer = not is_logged and reply.status in (404, *_GATEWAY)
    seen = f"the {'app responds with' if app else 'response has'} status {reply.status}"
    return None if is_perhaps_a_transfer else _by_app(stack, reply, seen)


def _hands_off(app: Exchange) -> bool:
    return bool(app.header(REDIRECT_HEADER))


def _does(app: Exchange) -> str:
    return "hands the download off" if _hands_off(app) else f"responds with {app.status}"


def _unreached(stack: RunningSite, reply: Exchange, app: Exchange | None, log: str) -> Evidence:
    """Tell an app that hangs from one that does not run, and both from a storage that hangs."""
    seen = f"status {reply.status}" if reply.status else f"no response ({reply.problem})"
    where = f"the app at {stack.app.shown}" if stack.app else "the app"
    if app and app.status:
        text = f"{seen}, although {where} {_does(app)}"
        if reply.status == 0 and _hands_off(app):
            text = f"{text}: NGINX waits for the storage{log}"
            return Evidence(text, remedy=REMEDIES["storage_hangs"], check="XA606")
        servers = stack.app.servers if stack.app and stack.nginx else ()
        has_moved = "moved_app" in [remedy_for_unreached(f"{host}:{port}") for host, port in servers if port]
        remedy = REMEDIES["moved_app"] if has_moved else remedy_for(log)
        return Evidence(f"{text} now{log}", remedy=remedy, check="XA602")
    if isinstance(app.error, TimeoutError) if app else "timed out" in reply.problem + log:
        text = f"{seen}: {where} does not respond in time{log}"
        return Evidence(text, remedy=REMEDIES["slow_app"], check="XA602")
    text = f"{seen}{f': {where}: {app.problem}' if app else ''}{log}"
    servers = stack.app.servers if stack.app else ()
    is_here = any(is_this_machine(host) for host, port in servers if port)
    return Evidence(text, remedy=remedy_for(text) or (REMEDIES["app_here"] if is_here else ""), check="XA602")


def _by_nginx(stack: RunningSite, reply: Exchange, why: str) -> Evidence:
    found = stack.location
    rules = [name for name in _RULES.get(reply.status, ()) if found and found.value(name)]
    place = f" ({found.shown}{''.join(f', with {name}' for name in rules)})" if found else ""
    remedy = remedy_for(reply.body.decode("latin-1") + why)
    if reply.status == 401:
        remedy = REMEDIES["sign_in"].format(names=" and ".join(f"`{name}`" for name in rules) or "a proxy")
    elif found and not found.includes_app:
        remedy = REMEDIES["own_location"]
    elif rules:
        remedy = REMEDIES["rule"].format(names=" and ".join(f"`{name}`" for name in rules))
    text = f"status {reply.status} does not come from the app{place}: {why}"
    return Evidence(text, remedy=remedy, check="XA617")


def _by_app(stack: RunningSite, reply: Exchange, seen: str) -> Evidence:
    if stack.app is None and REDIRECT_HEADER.lower() in reported_hand_off(stack, reply):
        text = (
            f"status {reply.status}, although the app hands the download off; {stack.log} has no entry of it"
        )
        return Evidence(text, remedy=REMEDIES["other_log"], check="XA606")
    status = reply.status
    if status in _MOVED:
        return _moved(stack, reply, seen)
    remedy = remedy_for(f"{seen}; {reply.body[:1000].decode('latin-1')}")
    if status == 400 and not remedy:
        return _bad_host(stack, seen)
    if status == 500 and (lacking := _lacks_cookie_of_grants(stack)):
        return Evidence(f"{seen}, and {lacking}", remedy=REMEDIES["cookie_of_grants"], check="XA620")
    if status == 400 or status >= 500:
        return Evidence(seen, remedy=remedy, check="XA621" if status == 501 else "XA620")
    server = stack.from_app.header("Server") if stack.from_app else ""
    if status == 404 and stack.app and OF_NGINX.match(server):
        seen = f"{seen}, and {stack.app.shown} is an NGINX (Server: {server})"
        remedy = REMEDIES["proxy_between"]
    elif status in (404, 410):
        remedy = _below_a_path(stack) or REMEDIES["no_such"]
    else:
        remedy = "" if status in (401, 403) else remedy or REMEDIES["other_status"]
    return Evidence(seen, remedy=remedy, check="XA605")


def _lacks_cookie_of_grants(stack: RunningSite) -> str:
    """Return which cookies the client has instead of the one that GRANTS names; empty: it has that, or none."""
    grants = stack.site.grants
    if grants is None or not stack.target.startswith(grants.paths):
        return ""
    sent = "; ".join(value for name, value in stack.headers.items() if name.lower() == "cookie")
    names = [pair.partition("=")[0].strip() for pair in sent.split(";") if "=" in pair]
    if not names or grants.cookie in names:
        return ""
    return f"GRANTS names the cookie {grants.cookie!r}, and the client has {', '.join(map(repr, names))}"


def _below_a_path(stack: RunningSite) -> str:
    """Return what to do if the app has the download without the path of its location."""
    words = stack.location.line.words if stack.location else ()
    path = words[-1].rstrip("/") if words[:1] == ("location",) else ""
    if stack.app and path[:1] == "/" and stack.target.startswith(f"{path}/"):
        inside = stack.app.ask(stack.front_door, stack.target.removeprefix(path), stack.headers)
        if _hands_off(inside):
            return REMEDIES["below_a_path"].format(path=path, base=stack.app.base.rstrip("/"))
    return ""


def _moved(stack: RunningSite, reply: Exchange, seen: str) -> Evidence:
    here = stack.front_door.url + stack.target
    there = urljoin(here, reply.header("Location"))
    seen = f"{seen}, and redirects to {there.partition('?')[0]}"
    old, new = urlsplit(here), urlsplit(there)
    if old.path.rstrip("/") != new.path.rstrip("/"):
        return Evidence(seen, check="XA605")
    if old.hostname != new.hostname:
        name = "www" if new.hostname == f"www.{old.hostname}" else "other_host"
        remedy = REMEDIES[name].format(url=f"{new.scheme}://{new.netloc}")
        return Evidence(seen, remedy=remedy, check="XA618")
    if old.path != new.path:
        return Evidence(seen, remedy=REMEDIES["other_path"].format(path=new.path), check="XA605")
    return Evidence(seen, check="XA618")


def _bad_host(stack: RunningSite, seen: str) -> Evidence:
    found = stack.location
    lines = effective("proxy_set_header", found.path) if found else ()
    sent = "".join(line.words[2] for line in lines if line.words[1].lower() == "host")
    if found and sent not in ("$http_host", "$host"):
        text = f"{seen}: its location sends the Host {sent or '$proxy_host, the default'}"
        return Evidence(text, remedy=REMEDIES["send_host"], check="XA619")
    host = urlsplit(stack.front_door.url).hostname
    return Evidence(f"{seen}: it may not accept the Host {host}", check="XA619")
