"""Find the locations that deliver from a storage, and what is known of each.

| Location | delivers from a storage |
|---|---|
| `auth_request`, `mirror` lead to it | no |
| the request chooses its host | yes |
| `internal` | yes, unless `try_files` or `error_page` lead to it: then it has a page of the app |
| `@name` that `error_page` of a redirect leads to, or nothing | yes |
| `@name` that `try_files` or `error_page` of another status leads to | no: the app |
| clients can request it | if its host is one of a storage, or `auth_request` yields the signature |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from xaccel.tools.lint.configuration import VARIABLE, Configuration, proxy_pass_of
from xaccel.tools.lint.tree import Block, Levels, Line, lines_of

_STORAGE = re.compile(
    r"\.amazonaws\.com|storage\.googleapis\.com|\.blob\.core\.windows\.net|\.r2\.cloudflarestorage\.com"
    r"|\.digitaloceanspaces\.com|\.backblazeb2\.com|\.wasabisys\.com|\.your-objectstorage\.com|\.scw\.cloud"
    r"|\.selcdn\.ru|\.aliyuncs\.com|\.cloud\.ovh\.net"
)
"""Hosts of storages."""
_FIXED = frozenset(
    "scheme server_name server_addr server_port hostname nginx_version pid document_root".split()
)
"""Variables that no request sets freely."""
_PATHS = frozenset("request_uri uri document_uri is_args args query_string".split())
"""Variables that begin behind the host."""
_GROUP = re.compile(r"(?<!\\)\((?:\?P?<(\w+)>|(?!\?))(\\?/)?")


class FetchLocation(Block):
    """A location that fetches files.

    target: the URL of `proxy_pass`. url: the same with its variables written out, up to the first that only a request
    sets. host: the part of `url` with the host. is_inside: no client can request the location.
    """

    def __init__(self, line: Line, path: Levels, configuration: Configuration) -> None:
        super().__init__(line, path)
        self.name = line.words[-1]
        self.configuration = configuration
        self.target = proxy_pass_of(line)
        words = [one.words for level in path for one in lines_of("set", level) if one.words[2:]]
        self.sets = {one[1].lstrip("$"): one[2] for one in words}
        self.groups = _groups_of(line)
        self.url = self._written_out(self.target)
        self.host = self._host_of(self.url)
        self.is_inside = self.name.startswith("@") or any(one.words == ("internal",) for one in path[-1])

    @property
    def has_variable_host(self) -> bool:
        """True if NGINX resolves the host at each request."""
        names = VARIABLE.findall(self._host_of(self.target))
        return any(not self.configuration.is_placeholder(name) for name in names)

    @property
    def has_chosen_host(self) -> bool:
        """True if the request chooses the host."""
        return bool(self.choosing)

    @cached_property
    def choosing(self) -> set[str]:
        """The variables of the request that are in the host."""
        names = self.variables(self.host)
        return {
            name for name in names if not self._is_known(name) and not name.startswith(("upstream_", "sent_"))
        }

    @property
    def is_secure(self) -> bool:
        """True if the storage may be requested over TLS."""
        return not self.url.startswith("http://")

    @property
    def requests_a_location(self) -> bool:
        """True if a header `Location` of a response chooses the URL."""
        return "_location" in self.target or "upstream_http_location" in self.variables(self.target)

    @property
    def follows_anywhere(self) -> bool:
        """True if the storage's redirects choose the host. A redirect of the app is a choice of the app."""
        if not self.requests_a_location:
            return False
        sources = self.configuration.redirecting.get(self.name)
        return sources is None or any(
            FetchLocation(line, path, self.configuration).delivers
            for line, path in sources
            if line is not self.line
        )

    @cached_property
    def private(self) -> set[str]:
        """The variables that contain the signed URL, or its query."""
        names = self.variables(self.target)
        queries = {"args", "query_string"} & names if names else {"args", "query_string"}
        whole = {
            name
            for name in names & self.sets.keys()
            if any(
                one.startswith("upstream_http_") or one in ("args", "query_string")
                for one in self.variables(f"${name}")
            )
        }
        return queries | (whole - self._parts_of_host)

    @property
    def decoded(self) -> set[str]:
        """The variables with the decoded path of the request that are in the URL."""
        groups = {name for match in _GROUP.finditer(self.line.words[-1]) for name in (match[1],) if name}
        names = self.variables(self.target)
        found = {
            name for name in names if name.isdigit() or name in groups or name in ("uri", "document_uri")
        }
        of_host = set() if self.host == self.url else self.variables(self.host)
        return found - of_host or found

    @property
    def is_cached(self) -> bool:
        """True if NGINX caches what it delivers."""
        return self.value("proxy_cache") not in ("", "off")

    @property
    def passes_headers(self) -> bool:
        """True if the client's headers reach the storage, except those that are set."""
        return self.value("proxy_pass_request_headers") != "off"

    def sets_header(self, name: str) -> bool:
        """Tell whether the request to the storage has another value of a header than the client's, or none."""
        return any(
            [word.lower() for word in line.words[1:2]] == [name]
            and f"$http_{name.replace('-', '_')}" not in line.words[2:]
            for line in self.lines("proxy_set_header")
        )

    def variables(self, text: str) -> set[str]:
        """Return the variables that a text is made of, each once: written out, the text could be endless."""
        found, waiting = set[str](), [text]
        while waiting:
            names = {*VARIABLE.findall(waiting.pop())} - found
            found |= names
            waiting += [self.sets[name] for name in names if name in self.sets]
            waiting += [value for name in names for value in self.configuration.maps.get(name, ())]
        return found

    @property
    def delivers(self) -> bool:
        """True if the location delivers from a storage: see the table of this module."""
        named, references = self.name.startswith("@"), self.configuration.references
        if self.name in references.asked:
            return False
        if self.has_chosen_host or self.requests_a_location:
            return True
        if not self.is_inside:
            return self.has_storage_host or self.is_signed_by_auth_request
        if self.name in references.fallbacks and not self.has_storage_host:
            return False
        return (
            not named or self.name in references.redirects or self.host not in self.configuration.public_hosts
        )

    @property
    def has_storage_host(self) -> bool:
        """True if the host is a well-known one of a storage."""
        hosts = (self.host, *self.configuration.servers_of(self.host))
        return any(_STORAGE.search(host) for host in hosts)

    @property
    def is_signed_by_auth_request(self) -> bool:
        """True if the app signs in its response to `auth_request`."""
        values = (
            line.words[2]
            for line in self.lines("proxy_set_header")
            if line.words[2:] and _signs(line.words[1])
        )
        return any(self.variables(value) & self.configuration.of_the_app for value in values)

    @property
    def _parts_of_host(self) -> set[str]:
        whole = self._host_of(self.target) == self.target
        return set() if whole else self.variables(self._host_of(self.target))

    def _is_known(self, name: str) -> bool:
        known = self.sets.keys() | self.configuration.maps.keys() | self.configuration.of_the_app | _FIXED
        return name in known or self.configuration.is_placeholder(name)

    def _written_out(self, text: str) -> str:
        left = dict(self.sets)
        while (variable := VARIABLE.search(text)) and variable[1] in left:
            text = text[: variable.start()] + left.pop(variable[1]) + text[variable.end() :]
        return text

    def _host_of(self, url: str) -> str:
        """Return the part of a URL with the host; the whole of one that a variable contains."""
        rest = url.partition("://")[2] if "://" in url else url
        for mark in re.finditer(r"/|\$\{?(\w+)\}?", rest):
            if mark[0] == "/" or mark[1] in _PATHS or mark[1] in self.groups:
                return rest[: mark.start()]
        return rest


def places(configuration: Configuration) -> Iterator[FetchLocation]:
    """Yield the locations that deliver from a storage."""
    for line, path in configuration.locations():
        place = FetchLocation(line, path, configuration)
        if place.delivers:
            yield place


def _signs(header: str) -> bool:
    return header.lower() == "authorization" or header.lower().startswith("x-amz-")


def _groups_of(location: Line) -> set[str]:
    """Return the groups of a location's expression that begin with a slash, by name and number."""
    if not location.words[1].startswith("~"):
        return set()
    groups = enumerate(_GROUP.finditer(location.words[-1]), 1)
    return {name for number, group in groups if group[2] for name in (str(number), group[1]) if name}
