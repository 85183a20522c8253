"""XA7xx: an X-Accel configuration that somebody wrote by hand, without xaccel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from xaccel.doctor.check import check
from xaccel.doctor.fetch_locations import FetchLocation
from xaccel.doctor.running_site import RunningSite

Rule = Callable[[FetchLocation], str]
_STORE_HEADERS = ("x-amz-id-2", "x-amz-request-id")


def _sent(place: FetchLocation) -> str:
    if place.value("proxy_pass_request_headers") == "off":
        return ""
    sent = [name for name in ("cookie", "authorization") if not place.sets_header(name)]
    return f"sends the client's {' and '.join(sent)}" if sent else ""


def _kept_alive(place: FetchLocation) -> str:
    if place.has_variable_host:
        return "has a variable as host"
    is_kept = place.value("proxy_http_version") == "1.1" and place.sets_header("connection")
    return "" if is_kept else 'has no `proxy_http_version 1.1` with `proxy_set_header Connection ""`'


def _passed(place: FetchLocation) -> str:
    gone = {line.words[1].lower() for line in place.lines("proxy_hide_header")}
    passed = [name for name in _STORE_HEADERS if name not in gone]
    return f"passes {', '.join(passed)}" if passed else ""


def _own_pages(place: FetchLocation) -> str:
    if place.value("proxy_intercept_errors") != "on":
        return "has no `proxy_intercept_errors on`"
    covered = {word for line in place.lines("error_page") for word in line.words[1:-1]}
    missing = [status for status in ("403", "404") if status not in covered]
    return f"has no `error_page` for {' and '.join(missing)}" if missing else ""


def _if(is_wrong: Callable[[FetchLocation], bool], text: str) -> Rule:
    return lambda place: text if is_wrong(place) else ""


def _needs(directive: str, value: str, when: Callable[[FetchLocation], bool] = lambda _: True) -> Rule:
    return _if(lambda place: when(place) and place.value(directive) != value, f"has no `{directive} {value}`")


RULES: dict[int, Rule] = {
    701: _if(lambda place: not place.is_inside, "can be requested by clients, and its host is a variable"),
    702: _sent,
    703: _needs("proxy_ssl_verify", "on", lambda place: place.is_secure),
    704: _needs("proxy_ssl_server_name", "on", lambda place: place.is_secure),
    705: _kept_alive,
    706: _own_pages,
    707: _passed,
    708: _if(lambda place: place.follows_anywhere, "requests any URL that the storage redirects to"),
    709: _needs("proxy_max_temp_file_size", "0", lambda place: place.is_buffered),
    710: _if(
        lambda place: not place.ignores("x-accel-redirect"), "has no `proxy_ignore_headers X-Accel-Redirect`"
    ),
    711: _if(
        lambda place: place.value("error_log") != "/dev/null", "writes URLs of the storage to the error log"
    ),
    712: _if(
        lambda place: place.value("proxy_pass_request_body") != "off", "sends the client's request body"
    ),
    713: _if(lambda place: place.passes_head, "sends HEAD to a URL that the app may have signed for GET"),
}
"""The fault of a location, by check; empty: none."""


def _each(stack: RunningSite, rule: Rule) -> Iterator[str]:
    for place in stack.hand_written:
        if found := rule(place):
            yield f"{place.where} {found}"


for _number, _rule in RULES.items():
    check(_number)(partial(_each, rule=_rule))
