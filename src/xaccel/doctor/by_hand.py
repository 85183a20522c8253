"""XA7xx: an X-Accel configuration that somebody wrote by hand, without xaccel."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.doctor.check import check
from xaccel.doctor.fetch_locations import VARIABLE_HOST
from xaccel.doctor.running_site import RunningSite

_STORE_HEADERS = ("x-amz-id-2", "x-amz-request-id")


@check(701)
def closed(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if not place.is_inside:
            yield f"{place.where} can be requested by clients, and its host is a variable"


@check(702)
def own_headers(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.value("proxy_pass_request_headers") != "off":
            sent = [name for name in ("cookie", "authorization") if not place.sets_header(name)]
            if sent:
                yield f"{place.where} sends the client's {' and '.join(sent)}"


@check(703)
def verified(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.is_secure and place.value("proxy_ssl_verify") != "on":
            yield f"{place.where} has no `proxy_ssl_verify on`"


@check(704)
def named(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.is_secure and place.value("proxy_ssl_server_name") != "on":
            yield f"{place.where} has no `proxy_ssl_server_name on`"


@check(705)
def kept_alive(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if VARIABLE_HOST.match(place.target):
            yield f"{place.where} has a variable as host"
        elif place.value("proxy_http_version") != "1.1" or not place.sets_header("connection"):
            yield f'{place.where} has no `proxy_http_version 1.1` with `proxy_set_header Connection ""`'


@check(706)
def own_errors(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.value("proxy_intercept_errors") != "on":
            yield f"{place.where} has no `proxy_intercept_errors on`"


@check(707)
def hidden(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        gone = {line.words[1].lower() for line in place.lines("proxy_hide_header")}
        passed = [name for name in _STORE_HEADERS if name not in gone]
        if passed:
            yield f"{place.where} passes {', '.join(passed)}"


@check(708)
def bounded(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if "$upstream_http_location" in place.expanded or "_location" in place.target:
            yield f"{place.where} requests any URL that the storage redirects to"


@check(709)
def in_memory(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.value("proxy_buffering") != "off" and place.value("proxy_max_temp_file_size") != "0":
            yield f"{place.where} has no `proxy_max_temp_file_size 0`"


@check(710)
def unsteered(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        ignored = {word.lower() for line in place.lines("proxy_ignore_headers") for word in line.words[1:]}
        if "x-accel-redirect" not in ignored:
            yield f"{place.where} has no `proxy_ignore_headers X-Accel-Redirect`"


@check(711)
def unlogged(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.value("error_log") != "/dev/null":
            yield f"{place.where} writes URLs of the storage to the error log"


@check(712)
def bodiless(stack: RunningSite) -> Iterator[str]:
    for place in stack.hand_written:
        if place.value("proxy_pass_request_body") != "off":
            yield f"{place.where} sends the client's request body"
