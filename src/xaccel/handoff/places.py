"""Which origin a stored URL lies in, found by the URL's own parts: a thousand origins are not asked one by one."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from xaccel import urls

_Key = tuple[str, tuple[str, ...]]


class UrlIndex:
    """Places below which URLs may lie, each an absolute URL with the name of its origin.

    A place may hold one "*", as buckets.py reads it, as a whole segment of its path or within the host.
    """

    def __init__(self, places: Iterable[tuple[str, str]]) -> None:
        self._found: dict[_Key, list[tuple[str, str]]] = {}
        for place, name in places:
            self._found.setdefault(_key(place), []).append((place, name))

    def candidates(self, url: str) -> list[tuple[str, str]]:
        """Return the places, with their names, below which `url` may lie: few, however many there are.

        Raises OriginNotAllowed as `target.require_absolute` does.
        """
        urls.require_absolute(url)
        try:
            authority, path = urls.authority(urls.canonical_base(url)), urlsplit(url).path
        except ValueError:  # brackets that hold no IPv6 address
            return []
        segments = urls.segments_of(path)
        heads = [segments[:end] for end in range(1, len(segments))]
        return [
            found
            for host in _hosts(authority)
            for head in heads
            for found in self._found.get((host, head), ())
        ]


def _key(place: str) -> _Key:
    """The authority from the first dot behind a "*" on, and the whole segments of the path, up to a "*"."""
    authority, path = urls.authority(place), urlsplit(place).path
    star = authority.find("*")
    if star >= 0:
        authority = authority[authority.index(".", star) :]
    *whole, _ = urls.segments_of(path.partition("*")[0])
    return authority, tuple(whole)


def _hosts(authority: str) -> list[str]:
    dots = [index for index, char in enumerate(authority) if char == "."]
    return [authority, *(authority[dot:] for dot in dots)]
