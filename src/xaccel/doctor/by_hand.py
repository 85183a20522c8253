"""XA7xx: an X-Accel configuration that somebody wrote by hand, without xaccel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path

from xaccel.doctor.check import check
from xaccel.doctor.evidence import Skipped
from xaccel.doctor.own_directives import Levels, Line, each_line, effective, parse
from xaccel.doctor.running_site import RunningSite

_STORE_HEADERS = ("x-amz-id-2", "x-amz-request-id")
_VARIABLE_HOST = re.compile(r"(?:https?://)?\$|https?://[^/]*\$")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_MOST_BYTES = 4 << 20
"""Of a configuration: a longer file is something else."""


class FetchLocation:
    """A location that fetches files, with the levels around it.

    has_variable_host: NGINX chooses the host by the request. is_inside: no client can request the location.
    is_secure: the storage may be requested over TLS. follows_anywhere: the storage's redirects choose the host.
    """

    def __init__(self, line: Line, path: Levels) -> None:
        self.path = path
        self.name = name = " ".join(line.words[1:])
        target = self.value("proxy_pass")
        self.where = f"{line.where}: location {name}"
        lines = [one.words for level in path for one in level if one.words[0] == "set" and one.words[2:]]
        sets = {words[1].lstrip("$"): words[2] for words in lines}
        self.has_variable_host = _VARIABLE_HOST.match(target) is not None
        self.is_inside = name.startswith("@") or any(one.words == ("internal",) for one in path[-1])
        self.is_secure = not _beginning(target, sets).startswith("http://")
        self.follows_anywhere = "_location" in target or "upstream_http_location" in _variables(target, sets)

    def value(self, name: str) -> str:
        """Return the first argument of a directive that applies here; empty where there is none."""
        return next((line.words[1] if line.words[1:] else "yes" for line in effective(name, self.path)), "")

    def words(self, name: str) -> set[str]:
        """Return all arguments of a directive that applies here, in lower case."""
        return {word.lower() for line in effective(name, self.path) for word in line.words[1:]}

    def sets_header(self, name: str) -> bool:
        """Tell whether the request to the storage has another value of a header than the client's, or none."""
        return any(
            line.words[1].lower() == name and f"$http_{name}" not in line.words[2:]
            for line in effective("proxy_set_header", self.path)
        )


def _variables(text: str, sets: Mapping[str, str]) -> set[str]:
    """Return the variables that a text is made of, each once: written out, the text could be endless."""
    found, waiting = set[str](), [text]
    while waiting:
        names = {*_VARIABLE.findall(waiting.pop())} - found
        found |= names
        waiting += [sets[name] for name in names if name in sets]
    return found


def _beginning(text: str, sets: Mapping[str, str]) -> str:
    """Return a text with the variables at its beginning written out."""
    left = dict(sets)
    while (variable := _VARIABLE.match(text)) and variable[1] in left:
        text = left.pop(variable[1]) + text[variable.end() :]
    return text


def places(main: tuple[Line, ...]) -> Iterator[FetchLocation]:
    """Yield the locations that fetch: internal and named ones, and those whose host is a variable."""
    lines = list(each_line((main,)))
    # The locations of `auth_request` fetch no file.
    asked = {line.words[1] for line, _ in lines if line.words[0] == "auth_request"}
    for line, path in lines:
        if line.words[0] == "location" and any(one.words[0] == "proxy_pass" for one in line.inside):
            found = FetchLocation(line, (*path, line.inside))
            if line.words[-1] not in asked and (found.is_inside or found.has_variable_host):
                yield found


Rule = Callable[[FetchLocation], str]


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
    passed = [name for name in _STORE_HEADERS if name not in place.words("proxy_hide_header")]
    return f"passes {', '.join(passed)}" if passed else ""


def _own_pages(place: FetchLocation) -> str:
    if place.value("proxy_intercept_errors") != "on":
        return "has no `proxy_intercept_errors on`"
    missing = [status for status in ("403", "404") if status not in place.words("error_page")]
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
    709: _needs("proxy_max_temp_file_size", "0", lambda place: place.value("proxy_buffering") != "off"),
    710: _if(
        lambda place: "x-accel-redirect" not in place.words("proxy_ignore_headers"),
        "has no `proxy_ignore_headers X-Accel-Redirect`",
    ),
    711: _needs("error_log", "/dev/null"),
    712: _needs("proxy_pass_request_body", "off"),
    713: _needs("proxy_method", "GET", lambda place: place.value("proxy_cache") in ("", "off")),
}
"""The fault of a location, by check; empty: none."""


@lru_cache(maxsize=1)
def hand_written(stack: RunningSite) -> list[FetchLocation]:
    """Return the locations that fetch. Raises OSError, and Skipped where there are none."""
    text = _read(stack.config) if stack.config else ""
    found = list(places(parse(f"# configuration file {stack.config}:\n{text}", "")))
    if not found:
        raise Skipped(f"{stack.config} has no internal location with proxy_pass")
    return found


@check(216)
def left_over(stack: RunningSite) -> Iterator[str]:
    lines = [line.words for line, _ in each_line((stack.main,))]
    fallbacks = {words[-1] for words in lines if words[0] in ("try_files", "error_page")}
    for place in places(stack.main):
        if place.name in fallbacks and not place.has_variable_host:
            continue  # it proxies to an app
        faults = [f"{text} (XA{number})" for number, rule in RULES.items() if (text := rule(place))]
        if faults:
            yield f"{place.where}: {'; '.join(faults)}"


def _read(path: Path) -> str:
    if not path.is_file() and path.exists():
        raise OSError(0, f"{path} is not a regular file: write the configuration to one")
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise OSError(0, f"{path} is larger than {_MOST_BYTES >> 20} MiB: name the file of the server")
    return text.decode("utf-8", "replace")


def _each(stack: RunningSite, rule: Rule) -> Iterator[str]:
    for place in hand_written(stack):
        if found := rule(place):
            yield f"{place.where} {found}"


for _number, _rule in RULES.items():
    check(_number)(partial(_each, rule=_rule))
