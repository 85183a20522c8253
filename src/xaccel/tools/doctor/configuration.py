"""XA1xx to XA3xx: the settings, NGINX's configuration on disk, and the one that the running NGINX has."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, fields, replace
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from xaccel.errors import ConfigError, ConfigErrors, NginxError
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.location import includes_site, server_of
from xaccel.tools.doctor.own_directives import DUPLICATE, findings, paths_to
from xaccel.tools.doctor.running_site import OF_NGINX, RunningSite, Skipped, digest_in
from xaccel.tools.lint.configuration import Configuration
from xaccel.tools.lint.faults import faults
from xaccel.tools.lint.location import places
from xaccel.tools.lint.reading import FILE
from xaccel.tools.lint.tree import each_line, effective, lines_of
from xaccel.tools.nginx import config_folder
from xaccel.tools.nginx.digest import digest, digest_path, digest_text, mark_of_doctor
from xaccel.tools.nginx.probe import only_loaded
from xaccel.tools.nginx.processes import workers_of
from xaccel.tools.nginx.switch import is_secret

_SHOWN = 3
_OF_THE_CONTAINER = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""Files that the container's program mounts, and writes again."""
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""Codes of OpenSSL (openssl/x509_vfy.h): self-signed, or no certificate of the issuer."""
_CERTIFICATE = re.compile(
    r"""^\s*(?:proxy_)?ssl_(?:trusted_|client_)?(?:certificate|certificate_key|crl|dhparam)\s+"?(/[^"$;\s]+)""",
    re.MULTILINE,
)
"""Files that NGINX reads only when it starts or is reloaded."""
_SLOWEST = 10_000
_STOPS = 1_000
"""Bytes a second with which a download ends in a time-out of the client."""
_REFUSALS = (
    ("XA203", re.compile(r'unknown directive "(?:js_|more_)|module "\S+" is not binary compatible')),
    ("XA206", DUPLICATE),
    ("XA205", re.compile(r'duplicate \S+.*xaccel|"\S*xaccel\S*" is already|the default server .*xaccel')),
    ("XA204", re.compile(r'unknown "xaccel_\w+" variable in|unknown log format "xaccel_')),
    # variables that server.conf sets: NGINX names no line then
    ("XA208", re.compile(r'unknown "xaccel_\w+" variable$', re.MULTILINE)),
)
"""The check for each message of `nginx -t`."""
_OF_DIRECTIVES = ("XA208", "XA209", "XA210", "XA211", "XA212", "XA218", "XA222")

_WORD = re.compile(r'[\s,;="\[\]]+')
"""Between the values of headers such as Forwarded."""
_OF_A_CLIENT = re.compile(r"\$(?:cookie_|http_(?:cookie|authorization)|remote_user)")
"""Variables of a cache's key that differ between users."""
_OTHERS = re.compile(
    r"[-+]{3} |[-+]\s+(?:#.*looked up now|server [0-9\[])|[-+]location = \S+/[0-9a-f]{32} \{ return"
)
"""Lines of a difference that say nothing here: names of files, addresses from DNS, and the path made of the secret."""


@check("XA101")
def settings_can_be_read(stack: RunningSite) -> Iterator[str]:
    try:
        stack.read_site()
    except (ConfigError, ConfigErrors) as error:
        yield from map(str, getattr(error, "problems", [error]))


@check("XA106")
def mounted_files_are_the_present_ones(_: RunningSite) -> Iterator[str]:
    """Look for mounts of a single file whose source is no longer in its folder (proc_pid_mountinfo(5))."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise Skipped("this system does not list its mounts") from error
    for source, place in (line.split(" ")[3:5] for line in mounts):
        path = Path(place.replace("\\040", " "))
        if source.endswith("//deleted") and place not in _OF_THE_CONTAINER and path.is_file():
            yield f"{path} is mounted as a single file, and this file was replaced or deleted where it is mounted from"


@check("XA102", "XA105")
def settings_make_sense(stack: RunningSite) -> Iterator[Evidence]:
    yield from (Evidence(str(problem), check="XA102") for problem in stack.site.log_problems())
    if (rate := stack.site.limit_rate) and rate < _SLOWEST:
        text = f"LIMIT_RATE is {rate:,} bytes a second"
        yield Evidence(text, "fail" if rate < _STOPS else None, check="XA105")


@check("XA201")
def nginx_is_supported(stack: RunningSite) -> Iterator[str]:
    try:
        stack.probe_nginx()
    except NginxError as error:
        yield str(error)


@check("XA203", "XA204", "XA205", "XA206", "XA207", *_OF_DIRECTIVES)
def nginx_accepts_a_configuration_that_fits(stack: RunningSite) -> Iterator[Evidence]:
    done = stack.tested
    if done.returncode == 0:
        yield from _directives(stack)
        return
    lines = [line for line in done.stderr.splitlines() if "[emerg]" in line] or done.stderr.splitlines()[-1:]
    text = "\n".join(lines)
    name = next((own for own, pattern in _REFUSALS if pattern.search(text)), "XA207")
    yield from (Evidence(line, check=name) for line in lines)
    for other in _OF_DIRECTIVES:
        if other != name:
            text = "NGINX refuses its configuration, and does not print it"
            yield Evidence(text, "skipped", check=other)


def _directives(stack: RunningSite) -> Iterator[Evidence]:
    found = dict.fromkeys(findings(stack.http, stack.site))
    yield from (Evidence(text, check=name) for name, text in found)
    try:
        if not (stack.folder / stack.site.folder / "http.conf").is_file():
            yield Evidence(f"{stack.folder} has no site {stack.site.folder!r}: generate it", check="XA204")
    except Skipped as reason:
        yield Evidence(str(reason), check="XA204")
    if not found and not paths_to("server", stack.http):
        yield Evidence(f"{stack.site.folder}/server.conf is not included", check="XA208")
    place = stack.location
    if "XA209" not in {name for name, _ in found} and place and place.lacks_app:
        yield Evidence(f"{place.shown} gets the download, and lacks it", check="XA209")


@check("XA217")
def responses_of_the_app_are_not_cached(stack: RunningSite) -> Iterator[str]:
    for path in paths_to("app", stack.http):
        for line in effective("proxy_cache", path):
            key = " ".join(word for each in effective("proxy_cache_key", path) for word in each.words)
            if line.words[1] != "off" and not _OF_A_CLIENT.search(key):
                yield f"{line.where}: {' '.join(line.words)} applies to the app"


@check("XA220")
def origins_of_others_have_njs(stack: RunningSite) -> Iterator[str]:
    nginx, *_ = only_loaded(stack.build, stack.tested)
    if "njs" not in nginx.modules:
        yield from map(str, stack.site.njs_problems())


@check("XA213", "XA214")
def files_are_those_of_the_settings(stack: RunningSite) -> Iterator[Evidence]:
    nginx, *_ = only_loaded(stack.build, stack.tested)
    made = config_folder.texts(stack.site, nginx, stack.folder, write_addresses=stack.write_addresses)
    for path, text in made.items():
        if not is_secret(path):
            lines = [line for line in config_folder.differences({path: text}) if line[:1] in "+-"]
            if lines := [line for line in lines if not _OTHERS.match(line)]:
                seen = f"{path}: {' | '.join(lines[:_SHOWN])}"
                yield Evidence(seen, remedy=_other_site(stack), check="XA213")
        elif not path.exists():
            yield Evidence(f"{path} is missing", check="XA214")
        elif _body(path.read_text(encoding="utf-8")) != _body(text):
            yield Evidence(f"{path} is different", check="XA214")


def _body(text: str) -> str:
    """Return a file without its comments: one has the digest of the settings, for which there is another check."""
    return re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)


def _other_site(stack: RunningSite) -> str:
    """Return what to do if the files have other origins than the settings, and none of these."""
    text = (stack.folder / stack.site.folder / "server.conf").read_text(encoding="utf-8")
    paths = re.findall(rf"location (?:=|\^~) {re.escape(stack.site.internal_prefix)}([\w-]+)[ /]", text)
    there = {name for name in paths if not re.fullmatch("[0-9a-f]{32}", name)}
    if there & stack.site.origins.keys() or not there:
        return ""
    return REMEDIES["other_site"].format(origins=", ".join(sorted(there)))


@check("XA215")
def only_root_can_read_the_secret(stack: RunningSite) -> Iterator[str]:
    for path in (stack.folder / stack.site.folder).glob("secret*.conf"):
        if path.stat().st_mode & 0o077:
            yield f"{path} has mode {path.stat().st_mode & 0o777:o}"


@check("XA301")
def nginx_runs(stack: RunningSite) -> Iterator[str | Evidence]:
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
            seen = f"NGINX responds, but {stack.pid_file} is wrong: {text}"
            return Evidence(seen, remedy=REMEDIES["pid_file"])
        if not OF_NGINX.match(other := stack.shown_digest.header("Server")):
            seen = f"another server ({other or 'without a name'}) responds at {stack.front_door.url}"
            return Evidence(f"NGINX does not run, and {seen}: {text}", remedy=REMEDIES["other_server"])
    return Evidence(text)


@check("XA302", "XA303")
def address_responds(stack: RunningSite) -> Iterator[Evidence]:
    try:
        stack.front_door.ask("GET", digest_path(stack.site))
    except (OSError, HTTPException) as error:
        text = f"{stack.front_door.url}: {getattr(error, 'verify_message', '') or error}"
        if not isinstance(error, ssl.SSLCertVerificationError):
            yield Evidence(text, remedy=_for_proxy_protocol(stack), check="XA302")
            return
        remedy = REMEDIES["own_authority"] if error.verify_code in _UNKNOWN_AUTHORITY else ""
        yield Evidence(text, remedy=remedy, check="XA303")


def _for_proxy_protocol(stack: RunningSite) -> str:
    with suppress(Skipped):
        server = server_of(stack.http, stack.front_door)
        for line in lines_of("listen", server.inside) if server else ():
            if "proxy_protocol" in line.words:
                return REMEDIES["proxy_protocol"].format(where=line.where)
    return ""


@check("XA304")
def nginx_has_the_settings(stack: RunningSite) -> Iterator[Evidence]:
    found = stack.running
    if found and not found[0].startswith(digest_text(stack.site)):
        text = f"it has the settings {found['digest']}, and those of the site are {digest(stack.site)}"
        missing = [name for name, other in _with_less(stack.site) if digest(other) == found["digest"]]
        if missing:
            text = f"{text}: NGINX has the same settings without {missing[0]}"
        yield Evidence(text, remedy=REMEDIES["two_settings"] if missing else "")
    if not found and stack.nginx:  # other secrets have another path
        yield from map(Evidence, list(files_have_not_changed(stack))[:1])


def _with_less(site: Site) -> Iterator[tuple[str, Site]]:
    """Yield the site without one of its settings or origins, and its name."""
    for each in fields(site):
        if each.default is not MISSING and getattr(site, each.name) != each.default:
            yield each.name.upper(), replace(site, **{each.name: each.default})
    for name in site.origins:
        others = {other: origin for other, origin in site.origins.items() if other != name}
        yield f"the origin {name}", replace(site, origins=others)


@check("XA305")
def files_have_not_changed(stack: RunningSite) -> Iterator[str]:
    started = min((one.began for one in workers_of(stack.master)), default=None)
    if started is None:
        raise Skipped("this system does not show the workers of NGINX")
    certificates = (stack.prefix / name for name in _CERTIFICATE.findall(stack.dumped))
    for path in (*map(Path, FILE.findall(stack.dumped)), *dict.fromkeys(certificates)):
        if path.is_file() and path.stat().st_mtime > started:
            yield f"{path} is newer than the workers"


@check("XA308")
def nginx_knows_the_site(stack: RunningSite) -> Iterator[Evidence]:
    url, reply = stack.front_door.url, stack.shown_digest
    if reply.status in (301, 302, 307, 308):
        there = urlsplit(urljoin(url, reply.header("Location")))
        remedy = REMEDIES["redirects"].format(url=f"{there.scheme}://{there.netloc}")
        yield Evidence(f"{url} redirects to {there._replace(query='').geturl()}", "unknown", remedy)
    elif stack.running is None:
        browser = {"User-Agent": "Mozilla/5.0"}
        if reply.status != 404 and digest_in(stack.front_door.ask("GET", digest_path(stack.site), browser)):
            text = f"{url} has status {reply.status} for the doctor, and 200 for the User-Agent of a browser"
            yield Evidence(text, remedy=REMEDIES["by_agent"])
        else:
            text = f"{url} does not know the site, or has another secret of it (status {reply.status})"
            yield Evidence(text, remedy=_without_includes(stack))


def _without_includes(stack: RunningSite) -> str:
    with suppress(Skipped):
        server = server_of(stack.http, stack.front_door)
        if server and not includes_site(server.inside):
            own = tuple(line for line in lines_of("server", stack.http) if includes_site(line.inside))
            if other := server_of(own, stack.front_door):
                return REMEDIES["other_default"].format(where=server.where, own=other.where)
            site = stack.folder / stack.site.folder
            return REMEDIES["no_include"].format(where=server.where, folder=stack.folder, site=site)
        for line in server.inside if server else ():
            if (name := line.words[0]) in ("if", "return", "rewrite"):
                return REMEDIES["if_of_server"].format(
                    where=line.where, name=name, prefix=stack.site.internal_prefix
                )
    return ""


@check("XA306")
def running_nginx_is_the_program_on_disk(stack: RunningSite) -> Iterator[str]:
    there = ".".join(map(str, stack.build.version))
    if stack.running is None:
        raise Skipped("the NGINX at the site's address does not know the site")
    if stack.running["version"] != there:
        yield f"{stack.running['version']} runs, and {stack.nginx} is {there}"


@check("XA312")
def nginx_takes_clients_for_clients(stack: RunningSite) -> Iterator[Evidence]:
    """Compare the address that NGINX has for the doctor with what a proxy in front says about the request."""
    address, by = (stack.running["client"], stack.running["by"]) if stack.running else (None, None)
    if address is None or by is None:
        raise Skipped("the running NGINX does not report the address of its client")
    said = {re.sub(r"^(\d+\.\d+\.\d+\.\d+):\d+$", r"\1", word) for word in _WORD.split(by)} - {""}
    is_local = address == "unix:" or (address.startswith("127.") and address != "127.0.0.1")
    if said and address not in said:
        text = f"the request of the doctor came through a proxy, and NGINX logs {address}"
    elif said and not _trusts_a_proxy(stack):
        text = f"a proxy is in front, NGINX logs {address}, and its configuration has no set_real_ip_from"
    elif not said and is_local:
        text = (
            f"NGINX logs {address}, which is the address of a proxy, and the proxy sends no X-Forwarded-For"
        )
    else:
        return
    yield Evidence(f"{stack.front_door.url}: {text}")


@check("XA216")
def no_recipe_is_beside_the_site(stack: RunningSite) -> Iterator[str]:
    for place in places(Configuration(stack.main)):
        if place.url.startswith("http://xaccel_"):
            continue  # xaccel's own, of archives
        if found := [f"{fault} ({name})" for name, fault in sorted(faults(place))]:
            yield f"{place.shown}: {'; '.join(found)}"


def _trusts_a_proxy(stack: RunningSite) -> bool:
    """Tell whether NGINX takes the address of clients from a proxy; True where that is not known."""
    with suppress(Skipped):
        return any(line.words[0] == "set_real_ip_from" for line, _ in each_line((stack.http,)))
    return True


@check("XA307")
def internal_locations_are_closed(stack: RunningSite) -> Iterator[str]:
    for name, origin in {**stack.site.origins, **stack.site.assembler}.items():
        below = "/xaccel-doctor" if isinstance(origin, LocalOrigin) else ""
        path = f"{stack.site.internal_prefix}{name}{below}"
        status = stack.front_door.ask("GET", f"{path}?{mark_of_doctor(stack.site)}").status
        if status != 404:
            yield f"{path} has status {status}"
