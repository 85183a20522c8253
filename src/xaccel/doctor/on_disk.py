"""XA1xx and XA2xx: the settings; NGINX's program and its configuration on disk, with the right to run `nginx -T`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from xaccel.doctor.check import Skipped, check
from xaccel.doctor.own_directives import DUPLICATE, Kind, paths_to
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import ConfigError, ConfigErrors, NginxError
from xaccel.nginx import advisories, files
from xaccel.nginx.includes import folder_of

_SHOWN = 3
_REFUSALS = (
    (203, re.compile(r'unknown directive "(?:js_|more_)|module "\S+" is not binary compatible')),
    (206, DUPLICATE),
    (205, re.compile(r'duplicate \S+.*xaccel|"\S*xaccel\S*" is already|the default server .*xaccel')),
    (204, re.compile(r'unknown "xaccel_\w+" variable in|unknown log format "xaccel_')),
    # variables that server.conf sets: NGINX names no line then
    (208, re.compile(r'unknown "xaccel_\w+" variable$', re.MULTILINE)),
)
"""The check for each message of `nginx -t`."""

_OTHERS = re.compile(
    r"[-+]{3} |[-+]\s+(?:#.*looked up now|server [0-9\[])|[-+]location = \S+/[0-9a-f]{32} \{ return"
)
"""Lines of a difference that say nothing here: names of files, addresses from DNS, and the path made of the secret."""


def _refusal(stack: RunningSite, number: int) -> Iterator[str]:
    done = stack.tested
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if "[emerg]" in line] or done.stderr.splitlines()[-1:]
    text = "\n".join(lines)
    found = next((own for own, pattern in _REFUSALS if pattern.search(text)), 207)
    if found == number:
        yield from lines


def _of_kind(stack: RunningSite, kind: Kind) -> Iterator[str]:
    if stack.tested.returncode == 0:
        yield from (text for text, own in stack.own.items() if own == kind)


for _number in (203, 205, 206, 207):
    check(_number)(partial(_refusal, number=_number))

_KINDS: dict[int, Kind] = {209: "app", 210: "limit_conn", 211: "add_header", 212: "access_log"}
for _number, _kind in _KINDS.items():
    check(_number)(partial(_of_kind, kind=_kind))


@check(101)
def readable(stack: RunningSite) -> Iterator[str]:
    try:
        assert stack.site
    except ConfigErrors as errors:
        yield from map(str, errors.problems)
    except ConfigError as error:
        yield str(error)


@check(102)
def absolute_log(stack: RunningSite) -> Iterator[str]:
    yield from map(str, stack.site.log_problems())


@check(201)
def supported(stack: RunningSite) -> Iterator[str]:
    try:
        assert stack.build
    except NginxError as error:
        yield str(error)


@check(202)
def fixed(stack: RunningSite) -> Iterator[str]:
    package = advisories.package_of(stack.nginx) if stack.build else None
    warning = advisories.warning(stack.build.version, package, asked=True)
    if warning is not None:
        yield warning


@check(204)
def http_included(stack: RunningSite) -> Iterator[str]:
    yield from _refusal(stack, 204)
    if stack.tested.returncode == 0:
        try:
            if not (stack.folder / folder_of(stack.site) / "http.conf").is_file():
                yield f"{stack.folder} has no site {folder_of(stack.site)!r}: generate it"
        except Skipped as reason:
            yield str(reason)


@check(208)
def server_included(stack: RunningSite) -> Iterator[str]:
    yield from _refusal(stack, 208)
    yield from _of_kind(stack, "server")
    if stack.tested.returncode == 0 and not any(paths_to("server", (stack.http,))) and not stack.own:
        yield f"{folder_of(stack.site)}/server.conf is not included"


def _made(stack: RunningSite) -> dict[Path, str]:
    return files.texts(stack.site, stack.loaded, stack.folder, write_addresses=stack.write_addresses)


@check(213)
def generated(stack: RunningSite) -> Iterator[str]:
    for path, text in _made(stack).items():
        changed = [] if files.is_secret(path) else files.differences({path: text})
        lines = [line for line in changed if line[:1] in "+-" and not _OTHERS.match(line)]
        if lines:
            yield f"{path}: {' | '.join(lines[:_SHOWN])}"


@check(214)
def same_secret(stack: RunningSite) -> Iterator[str]:
    for path, text in _made(stack).items():
        if files.is_secret(path) and not path.exists():
            yield f"{path} is missing"
        elif files.is_secret(path) and _body(path.read_text(encoding="utf-8")) != _body(text):
            yield f"{path} is different"


def _body(text: str) -> str:
    """Return a file without its comments: one has the digest of the settings, for which there is another check."""
    return re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)


@check(215)
def private_secret(stack: RunningSite) -> Iterator[str]:
    for path in (stack.folder / folder_of(stack.site)).glob("secret*.conf"):
        if path.stat().st_mode & 0o077:
            yield f"{path} has mode {path.stat().st_mode & 0o777:o}"
