"""A model in Python of what the engine decides about URLs."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_letters, digits, hexdigits
from urllib.parse import unquote

_DEFAULT = {"http": "80", "https": "443"}
_IN_URL = {chr(byte) for byte in range(0x21, 0x7F)} - set('"#\\')
_IN_FRAGMENT = {chr(byte) for byte in range(0x20, 0x7F)}
_SEGMENT = set(ascii_letters + digits + "._~%!$&'()*+,;=@-")
FOLLOWED = {"301", "302", "303", "307", "308"}


@dataclass(frozen=True)
class Url:
    """A URL in parts."""

    scheme: str
    name: str
    port: str
    path: str
    query: str | None

    @property
    def host(self) -> str:
        return self.name + (f":{self.port}" if self.port else "")

    @property
    def base(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def folder(self) -> str:
        return self.path[: self.path.rindex("/") + 1]

    @property
    def origin(self) -> tuple[str, str, str]:
        """Return scheme, host and port, as RFC 6454 compares them."""
        scheme = self.scheme.lower()
        return scheme, self.name.lower(), self.port or _DEFAULT[scheme]

    def shown(self, peer: str) -> str:
        """Return what the bench shows of it."""
        query = "" if self.query is None else f"?{self.query}"
        bare = self.name.strip("[]")
        return " ".join(
            [self.base, f"{self.scheme}:", self.host, bare, self.path + query, self.path, self.folder, peer]
        )


def taken_apart(text: str) -> Url | None:
    """Take a URL apart; None if it is none that may be requested."""
    scheme, mark, rest = text.partition("://")
    host, slash, tail = rest.partition("/")
    if not mark or not slash or scheme.lower() not in _DEFAULT or set(text) - _IN_URL:
        return None
    path, question, query = tail.partition("?")
    if host.startswith("["):
        name, end, after = host.partition("]")
        name += end
        good = bool(end) and len(name) > 2 and not set(name[1:-1]) - set(hexdigits + ":.")
        colon, port = after[:1], after[1:]
        good = good and colon in ("", ":")
    else:
        name, colon, port = host.partition(":")
        good = (
            bool(name)
            and not set(name) - set(ascii_letters + digits + ".-")
            and name[0] + name[-1] == ((name[0] + name[-1]).strip(".-"))
        )
    if not good or (colon and not (1 <= len(port) <= 5 and port.isascii() and port.isdigit())):
        return None
    return Url(scheme, name, port, f"/{path}", query if question else None)


def resolved(location: str, current: Url) -> str:
    """Resolve a Location (RFC 3986 section 5.2, without removal of dots); empty if it is not valid."""
    reference, mark, fragment = location.partition("#")
    if set(reference) - _IN_URL or (mark and set(fragment) - _IN_FRAGMENT):
        return ""
    if mark and reference == "//":
        return ""  # no host: it is not taken for a path
    lowered = reference.lower()
    for start, before in (("https://", ""), ("http://", ""), ("//", f"{current.scheme}:")):
        if lowered.startswith(start) and not lowered.startswith("///") and lowered != "//":
            return before + _with_path(reference, len(start))
    segment = reference.partition("/")[0].partition("?")[0]
    if reference.startswith("/"):
        return current.base + reference
    if reference.startswith("?"):
        return current.base + current.path + reference
    return current.base + current.folder + reference if segment and not set(segment) - _SEGMENT else ""


def _with_path(url: str, host: int) -> str:
    """Return the URL, whose host begins there, with "/" for an empty path; empty if there is no host."""
    ends = next((place for place in range(host, len(url)) if url[place] in "/?"), len(url))
    if ends == host:
        return ""
    return url if url[ends : ends + 1] == "/" else f"{url[:ends]}/{url[ends:]}"


def has_dots(path: str) -> bool:
    """Tell whether some number of decodings of the path shows a "." or ".." between slashes."""
    while True:
        segments = path.replace("\\", "/").split("/")[1:]
        if any(segment.partition(";")[0] in (".", "..") for segment in segments):
            return True
        decoded = unquote(path, encoding="latin-1")
        if decoded == path:
            return False
        path = decoded


def matches(url: Url, allowed: str) -> bool:
    """Tell whether the URL is of an allowed host, which may be "https://*.suffix"."""
    scheme, _, rest = allowed.partition("://")
    name, _, port = rest.rpartition(":") if rest[-1].isdigit() and ":" in rest else (rest, "", "")
    own = url.origin
    if own[0] != scheme or own[2] != (port or _DEFAULT[scheme]):
        return False
    if name.startswith("*"):
        return own[1].endswith(name[1:]) and own[1] != name[1:]
    return own[1] == name
