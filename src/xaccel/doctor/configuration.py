"""XA1xx to XA3xx: the settings, NGINX's configuration on disk, and the one that the running NGINX has."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path

from xaccel.doctor.check import check, remedy_of
from xaccel.doctor.evidence import Evidence, Skipped
from xaccel.doctor.location import server_of
from xaccel.doctor.own_directives import DUPLICATE, FILE, effective, paths_to
from xaccel.doctor.running_site import OF_NGINX, RunningSite, workers_of
from xaccel.errors import ConfigError, ConfigErrors, NginxError
from xaccel.nginx import config_folder
from xaccel.nginx.render import digest, digest_path, digest_text, mark_of_doctor
from xaccel.nginx.switch import is_secret
from xaccel.site.origins import LocalOrigin

_SHOWN = 3
_PID_FILE = (
    "Write the id of the master process (`pgrep -f 'nginx: master'`) into the pid file, or restart NGINX. Until then a"
    " reload and the rotation of logs have no effect. If a second NGINX runs, stop it."
)
_BY_AGENT = (
    "A firewall or CDN in front, or an `if` of your server, refuses clients that are no browsers: scripts and download"
    " managers of users too. Allow them for downloads. For the other checks, name the address of NGINX itself: --url."
)
_OTHER_SERVER = (
    "`ss -ltnp` names the program that has the port: stop it and keep it from starting again, or give it another port."
    " Then start NGINX: `nginx -t`, then `systemctl start nginx`."
)
_SLOWEST = 10_000
_REFUSALS = (
    (203, re.compile(r'unknown directive "(?:js_|more_)|module "\S+" is not binary compatible')),
    (206, DUPLICATE),
    (205, re.compile(r'duplicate \S+.*xaccel|"\S*xaccel\S*" is already|the default server .*xaccel')),
    (204, re.compile(r'unknown "xaccel_\w+" variable in|unknown log format "xaccel_')),
    # variables that server.conf sets: NGINX names no line then
    (208, re.compile(r'unknown "xaccel_\w+" variable$', re.MULTILINE)),
)
"""The check for each message of `nginx -t`."""

_OF_A_CLIENT = re.compile(r"\$(?:cookie_|http_(?:cookie|authorization)|remote_user)")
"""Variables of a cache's key that differ between users."""
_OTHERS = re.compile(
    r"[-+]{3} |[-+]\s+(?:#.*looked up now|server [0-9\[])|[-+]location = \S+/[0-9a-f]{32} \{ return"
)
"""Lines of a difference that say nothing here: names of files, addresses from DNS, and the path made of the secret."""


def _on_disk(stack: RunningSite, number: int) -> Iterator[str]:
    done = stack.tested
    if done.returncode == 0:
        yield from (text for text, name in stack.own.items() if name == f"XA{number}")
        return
    lines = [line for line in done.stderr.splitlines() if "[emerg]" in line] or done.stderr.splitlines()[-1:]
    text = "\n".join(lines)
    if number == next((own for own, pattern in _REFUSALS if pattern.search(text)), 207):
        yield from lines
    elif number > 207:
        assert stack.dumped


for _number in (203, 205, 206, 207, 210, 211, 212, 218, 219):
    check(_number)(partial(_on_disk, number=_number))


@check(105)
def fast_enough(stack: RunningSite) -> Iterator[str]:
    if (rate := stack.site.limit_rate) and rate < _SLOWEST:
        yield f"LIMIT_RATE is {rate:,} bytes a second"


@check(209)
def app_included(stack: RunningSite) -> Iterator[str]:
    found = list(_on_disk(stack, 209))
    yield from found
    with suppress(Skipped):
        place = stack.location
        if not found and place and place.is_of_site and place.backend and not place.includes_app:
            yield f"{place.shown} gets the download, and lacks it"


@check(217)
def not_cached(stack: RunningSite) -> Iterator[str]:
    for path in paths_to("app", stack.http):
        for line in effective("proxy_cache", path):
            key = " ".join(word for each in effective("proxy_cache_key", path) for word in each.words)
            if line.words[1] != "off" and not _OF_A_CLIENT.search(key):
                yield f"{line.where}: {' '.join(line.words)} applies to the app"


def _said(look: Callable[[], object], *kinds: type[Exception]) -> Iterator[str]:
    try:
        look()
    except kinds as error:
        yield from map(str, getattr(error, "problems", [error]))


check(101)(lambda stack: _said(lambda: stack.site, ConfigError, ConfigErrors))
check(201)(lambda stack: _said(lambda: stack.build, NginxError))


@check(102)
def absolute_log(stack: RunningSite) -> Iterator[str]:
    yield from map(str, stack.site.log_problems())


@check(204)
def http_included(stack: RunningSite) -> Iterator[str]:
    yield from _on_disk(stack, 204)
    if stack.tested.returncode == 0:
        try:
            if not (stack.folder / stack.site.folder / "http.conf").is_file():
                yield f"{stack.folder} has no site {stack.site.folder!r}: generate it"
        except Skipped as reason:
            yield str(reason)


@check(208)
def server_included(stack: RunningSite) -> Iterator[str]:
    yield from _on_disk(stack, 208)
    if stack.tested.returncode == 0 and not paths_to("server", stack.http) and not stack.own:
        yield f"{stack.site.folder}/server.conf is not included"


def _made(stack: RunningSite) -> dict[Path, str]:
    return config_folder.texts(stack.site, stack.loaded, stack.folder, write_addresses=stack.write_addresses)


@check(213)
def generated(stack: RunningSite) -> Iterator[Evidence]:
    for path, text in _made(stack).items():
        changed = [] if is_secret(path) else config_folder.differences({path: text})
        lines = [line for line in changed if line[:1] in "+-" and not _OTHERS.match(line)]
        if lines:
            yield Evidence(f"{path}: {' | '.join(lines[:_SHOWN])}", remedy=_other_site(stack))


def _other_site(stack: RunningSite) -> str:
    """Return what to do if the files have other origins than the settings, and none of these."""
    text = (stack.folder / stack.site.folder / "server.conf").read_text(encoding="utf-8")
    there = set(re.findall(rf"location = {re.escape(stack.site.internal_prefix)}([\w-]+) ", text))
    there |= set(re.findall(rf"location \^~ {re.escape(stack.site.internal_prefix)}([\w-]+)/", text))
    there = {name for name in there if not re.fullmatch("[0-9a-f]{32}", name)}
    if there & stack.site.origins.keys() or not there:
        return ""
    return (
        f"The files are of a site with the origins {', '.join(sorted(there))}: another app generates into the same"
        " folder. Give each app its own NAME, then run `xaccel config --write DIR` for each, `nginx -t`, and reload."
    )


@check(214)
def same_secret(stack: RunningSite) -> Iterator[str]:
    for path, text in _made(stack).items():
        if is_secret(path) and not path.exists():
            yield f"{path} is missing"
        elif is_secret(path) and _body(path.read_text(encoding="utf-8")) != _body(text):
            yield f"{path} is different"


def _body(text: str) -> str:
    """Return a file without its comments: one has the digest of the settings, for which there is another check."""
    return re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)


@check(215)
def private_secret(stack: RunningSite) -> Iterator[str]:
    for path in (stack.folder / stack.site.folder).glob("secret*.conf"):
        if path.stat().st_mode & 0o077:
            yield f"{path} has mode {path.stat().st_mode & 0o777:o}"


@check(301)
def runs(stack: RunningSite) -> Iterator[str | Evidence]:
    if stack.tested.returncode != 0:
        raise Skipped("NGINX refuses its configuration, so its pid file is not known")
    try:
        with suppress(PermissionError):  # the process of another user
            os.kill(stack.master, 0)
    except ProcessLookupError:
        yield _without_master(stack, f"its process {stack.master} has ended")
    except Skipped as reason:
        yield _without_master(stack, str(reason))


def _without_master(stack: RunningSite, text: str) -> Evidence:
    with suppress(OSError, HTTPException, Skipped):
        if stack.running:
            return Evidence(f"NGINX responds, but {stack.pid_file} is wrong: {text}", remedy=_PID_FILE)
        other = stack.shown_digest.header("Server")
        if not OF_NGINX.match(other):
            seen = f"NGINX does not run, and another server ({other or 'without a name'}) responds at {stack.door.url}"
            return Evidence(f"{seen}: {text}", remedy=_OTHER_SERVER)
    return Evidence(text)


def _at_the_door(stack: RunningSite, *, for_tls: bool) -> Iterator[Evidence]:
    try:
        assert stack.shown_digest
    except (OSError, HTTPException) as error:
        if isinstance(error, ssl.SSLCertVerificationError) == for_tls:
            text = f"{stack.door.url}: {getattr(error, 'verify_message', '') or error}"
            yield Evidence(text, remedy=_for_proxy_protocol(stack))


def _for_proxy_protocol(stack: RunningSite) -> str:
    with suppress(Skipped):
        found = server_of(stack.http, stack.door)
        for line in found.inside if found else ():
            if line.words[0] == "listen" and "proxy_protocol" in line.words:
                return f"{line.where}: this `listen` has `proxy_protocol`. {remedy_of(805)}"
    return ""


check(302)(partial(_at_the_door, for_tls=False))
check(303)(partial(_at_the_door, for_tls=True))


def other_settings(stack: RunningSite) -> str | None:
    """Return how the settings of the running NGINX differ from the site's; empty: they do not, None: not its NGINX.

    Raises OSError and http.client.HTTPException.
    """
    found = stack.running
    if found is None or found[0].startswith(digest_text(stack.site)):
        return None if found is None else ""
    return f"it has the settings {found[1]}, and those of the site are {digest(stack.site)}"


@check(304)
def reloaded(stack: RunningSite) -> Iterator[str]:
    said = other_settings(stack)
    if said is None and stack.nginx:  # other secrets have another path
        said = next(_newer(stack), "")
    if said:
        yield said


@check(308)
def knows_the_site(stack: RunningSite) -> Iterator[str | Evidence]:
    reply = stack.shown_digest
    if reply.status in (301, 302, 307, 308):
        yield Evidence(
            f"{stack.door.url} redirects to {reply.header('Location').partition('?')[0]}", "unknown"
        )
    elif stack.running is None:
        text = f"{stack.door.url} does not know the site, or has another secret of it (status {reply.status})"
        browser = {"User-Agent": "Mozilla/5.0"}
        if reply.status != 404 and stack.door.ask("GET", digest_path(stack.site), browser).status == 200:
            text = f"{stack.door.url} has status {reply.status} for the doctor, and 200 for the User-Agent of a browser"
            yield Evidence(text, remedy=_BY_AGENT)
            return
        yield Evidence(text, remedy=_without_includes(stack))


def _without_includes(stack: RunningSite) -> str:
    with suppress(Skipped):
        server = server_of(stack.http, stack.door)
        if server and not any(line.words == ("include", "server") for line in server.inside):
            folder = f"{stack.folder}/{stack.site.folder}"
            return (
                f"The server at {server.where} gets the requests for this address. If it serves the app, write"
                f" `include {folder}/server.conf;` into it and `include {stack.folder}/app.conf;` into its location"
                " of the app, and reload NGINX. Otherwise name the site's address: --url."
            )
        for line in server.inside if server else ():
            if line.words[0] in ("if", "return", "rewrite"):
                return (
                    f"{line.where}: this `{line.words[0]}` of the server applies to {stack.site.internal_prefix} too:"
                    " exclude this path, or move the directive into a `location`. If it does not match there, generate"
                    " with the secret of the app, and reload NGINX."
                )
    return ""


def _newer(stack: RunningSite) -> Iterator[str]:
    started = min(workers_of(stack.master), default=None)
    if started is None:
        raise Skipped("this system does not show the workers of NGINX")
    for name in FILE.findall(stack.dumped):
        if Path(name).stat().st_mtime > started:
            yield f"{name} is newer than the workers"


check(305)(_newer)


@check(306)
def restarted(stack: RunningSite) -> Iterator[str]:
    there = ".".join(map(str, stack.build.version))
    if stack.running is None:
        raise Skipped("the NGINX at the site's address does not know the site")
    if stack.running[2] != there:
        yield f"{stack.running[2]} runs, and {stack.nginx} is {there}"


@check(307)
def closed(stack: RunningSite) -> Iterator[str]:
    for name, origin in stack.site.origins.items():
        below = "/xaccel-doctor" if isinstance(origin, LocalOrigin) else ""
        path = f"{stack.site.internal_prefix}{name}{below}"
        status = stack.door.ask("GET", f"{path}?{mark_of_doctor(stack.site)}").status
        if status != 404:
            yield f"{path} has status {status}"
