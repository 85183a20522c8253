"""Breaks of the NGINX configuration, in an expanded copy of the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from portal.demo.expanded import expanded
from portal.demo.rewrite import Change, inside, rewrite, without
from xaccel.nginx import Directive, Parts, Raw

Break = Callable[[Parts], Parts]
_Block = tuple[Directive, ...]

_FETCH = "@xaccel_fetch"


def _server(what: str, change: Change) -> Break:
    return lambda parts: dataclasses.replace(parts, server=rewrite(expanded(parts.server), change, what=what))


def _maps(what: str, change: Change) -> Break:
    return lambda parts: dataclasses.replace(parts, engine=rewrite(expanded(parts.engine), change, what=what))


def _site(what: str, change: Change) -> Break:
    return lambda parts: dataclasses.replace(parts, http=rewrite(expanded(parts.http), change, what=what))


def _fetch(what: str, *changes: Callable[[_Block], Iterable[Directive]]) -> Break:
    def breaks(parts: Parts) -> Parts:
        server = expanded(parts.server)
        for change in changes:
            server = rewrite(server, inside(_FETCH, change), what=what)
        return dataclasses.replace(parts, server=server)

    return breaks


def _adding(*new: Directive) -> Callable[[_Block], Iterable[Directive]]:
    return lambda block: (*block, *new)


def _plain(name: str, *args: str) -> Directive:
    return Directive(name, args)


def _unhidden(block: _Block) -> list[Directive]:
    hiding = {"js_header_filter", "more_clear_headers", "proxy_hide_header"}
    return [item for item in block if item.name not in hiding]


def _drop_internal(item: Directive) -> list[Directive] | None:
    return [] if item.name == "internal" else None


def _trust_everybody(item: Directive) -> list[Directive] | None:
    # the row of the secret comes last
    return _with_default(item, "_trust", item.block[-1].args[0] if item.block else "")


def _same_tag_always(item: Directive) -> list[Directive] | None:
    return _with_default(item, "_same", Raw("1"))


def _with_default(item: Directive, suffix: str, value: str) -> list[Directive] | None:
    if item.name != "map" or not item.args[1].endswith(suffix) or item.block is None:
        return None
    rows = [_plain("default", value) if row.name == "default" else row for row in item.block]
    return [dataclasses.replace(item, block=tuple(rows))]


def _log_the_url(item: Directive) -> list[Directive] | None:
    if item.name != "log_format":
        return None
    return [_plain(item.name, *(Raw(part.replace("'{", '\'{"url":"$xaccel_url",', 1)) for part in item.args))]


def _talkative(block: _Block) -> list[Directive]:
    return [_plain("error_log", "error.log", "info") if item.name == "error_log" else item for item in block]


def _silent(block: _Block) -> list[Directive]:
    logs = [item for item in block if item.name == "access_log"]
    return [
        _plain("access_log", "off") if item is logs[0] else item for item in block if item not in logs[1:]
    ]


BREAKS: dict[str, Break] = {
    "hide-list-removed": _fetch("hide-list-removed", _unhidden),
    "internal-removed": _server("internal-removed", _drop_internal),
    "secret-missing": _site("secret-missing", _trust_everybody),
    "cookie-passed-on": _fetch(
        "cookie-passed-on", _adding(_plain("proxy_set_header", "Cookie", Raw("$http_cookie")))
    ),
    "authorization-passed-on": _fetch(
        "authorization-passed-on",
        _adding(_plain("proxy_set_header", "Authorization", Raw("$http_authorization"))),
    ),
    "all-request-headers-passed-on": _fetch(
        "all-request-headers-passed-on", without("proxy_pass_request_headers")
    ),
    "origin-obeyed": _fetch("origin-obeyed", without("proxy_ignore_headers")),
    "error-pages-removed": _fetch(
        "error-pages-removed", without("proxy_intercept_errors"), without("error_page")
    ),
    "error-saved-under-file-name": _server(
        "error-saved-under-file-name",
        inside(
            "@xaccel_page",
            _adding(_plain("add_header", "Content-Disposition", Raw("$xaccel_disposition"), "always")),
        ),
    ),
    "disposition-doubled": _fetch(
        "disposition-doubled", _adding(_plain("add_header", "Content-Disposition", "attachment"))
    ),
    "cache-control-public": _fetch(
        "cache-control-public",
        without("add_header", "Cache-Control"),
        _adding(_plain("add_header", "Cache-Control", "public, max-age=3600")),
    ),
    "nosniff-removed": _fetch("nosniff-removed", without("add_header", "X-Content-Type-Options")),
    "policy-removed": _fetch("policy-removed", without("add_header", "Content-Security-Policy")),
    "range-dropped": _fetch("range-dropped", without("proxy_set_header", "Range")),
    "if-range-ignored": _maps("if-range-ignored", _same_tag_always),
    "url-in-header": _fetch("url-in-header", _adding(_plain("add_header", "X-Source", Raw("$xaccel_url")))),
    "url-in-log": _maps("url-in-log", _log_the_url),
    "error-log-open": _fetch("error-log-open", _talkative),
    "transfers-not-logged": _fetch("transfers-not-logged", _silent),
}
"""By name: takes the parts as the library prints them and gives broken ones, or raises NothingChanged."""
