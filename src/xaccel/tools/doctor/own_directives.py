"""Read the operator's own NGINX configuration, and warn of directives that work against downloads."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence

from xaccel.errors import NginxError
from xaccel.site import Site
from xaccel.tools.lint.reading import parse
from xaccel.tools.lint.tree import Levels, Line, each_line, effective, http_of, lines_of
from xaccel.tools.nginx.probe import call

DUPLICATE = re.compile(
    r'"(proxy_(?:buffer|busy_buffers|temp_file_write|ignore_client_abort)\w*)" directive is duplicate in (.+:\d+)$',
    re.MULTILINE,
)
_PRIVATE = re.compile(r"\$\{?upstream_http_(?:xaccel_(?:url|auth))\b")
"""Variables with signed URLs or the secret."""
_ALWAYS_SENT = {"x-content-type-options", "content-disposition", "content-security-policy", "cache-control"}


def dump(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `nginx -T`. `command` is the program with its options for prefix and configuration."""
    try:
        return call([*command, "-T"])
    except NginxError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def warnings(done: subprocess.CompletedProcess[str], site: Site) -> Iterator[str]:
    """Yield a warning for each directive that works against the site. `done`: the result of `dump`."""
    for name, where in DUPLICATE.findall(done.stderr):
        yield f"{where}: NGINX refuses a second {name} in a location, and app.conf sets it: remove your own"
    if done.returncode == 0:
        found = findings(http_of(parse(done.stdout, site.folder)), site)
        yield from dict.fromkeys(text for name, text in found if name != "XA212")


def findings(http: tuple[Line, ...], site: Site) -> Iterator[tuple[str, str]]:
    """Yield what works against the site in `http { }`, some of it several times, each after its check."""
    servers, everywhere = paths_to("server", http), paths_to("app", http)
    around = [server[1:2] for server in servers]
    apps = [path for path in everywhere if not path[1:] or path[1:2] in around]
    if servers and not everywhere:
        yield "XA209", "app.conf is not included: add it to each location { } that proxies to your app"
    elif everywhere and not apps:
        text = f"no server {{ }} with app.conf includes {site.folder}/server.conf: downloads end with 404"
        yield "XA208", text
    for path in apps:
        yield from _in_location(path, http, site)
    for path in servers or [(http,)]:
        yield from _in_server(path, site)
    for line in lines_of("log_format", http):
        if private := _PRIVATE.search(" ".join(line.words[2:])):
            yield "XA218", f"{line.where}: the log_format {line.words[1]} has {private[0]}: remove it"


def _in_location(path: Levels, http: tuple[Line, ...], site: Site) -> Iterator[tuple[str, str]]:
    if path[2:] and not any(line.words[0].endswith("_pass") for line, _ in each_line(path)):
        include = next(line for line in path[-1] if line.words == ("include", "app"))
        other = next((line.words[-1] for line in lines_of("try_files", path[-1])), "the one that does")
        text = f"{include.where}: app.conf is in a location that proxies to nothing: include it in {other}"
        yield "XA209", text
    for line in effective("limit_conn", path) if site.concurrency else ():
        if not _can_be_empty(line.words[1], http):
            remedy = "move it to other locations, or give it a key that is empty for the location of your app"
            yield "XA210", f"{line.where}: this limit_conn replaces CONCURRENCY: {remedy}"


def _in_server(path: Levels, site: Site) -> Iterator[tuple[str, str]]:
    for line in effective("proxy_set_body", path) if site.uploads else ():
        text = f"{line.where}: this proxy_set_body applies to uploads too: move it into the locations that need it"
        yield "XA222", text
    sent = _ALWAYS_SENT | {name.lower() for name, _ in site.add_headers}
    logs = {"off"} | {words.split()[0] for words in site.access_logs}
    for line in effective("add_header", path):
        if (name := line.words[1]).lower() not in sent:
            yield "XA211", f"{line.where}: downloads are sent without this {name}: name it in ADD_HEADERS"
    for line in effective("access_log", path):
        if (log := line.words[1]) not in logs:
            yield "XA212", f"{line.where}: downloads are not in {log}: name it in ACCESS_LOGS"


def _can_be_empty(zone: str, http: tuple[Line, ...]) -> bool:
    """Tell whether the key of a zone is a map that yields nothing for some requests."""
    zones = [line.words for line in lines_of("limit_conn_zone", http)]
    keys = {words[1] for words in zones if any(word.startswith(f"zone={zone}:") for word in words)}
    maps = [line.inside for line in lines_of("map", http) if line.words[-1] in keys]
    return any("" in [row.words[-1] for row in rows] or not lines_of("default", rows) for rows in maps)


def paths_to(kind: str, http: tuple[Line, ...]) -> list[Levels]:
    """Return the levels around each include of a file of xaccel: `app`, `server`."""
    return [path for line, path in each_line((http,)) if line.words == ("include", kind)]
