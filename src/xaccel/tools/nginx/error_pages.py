"""Choose the site's own page for a failed download: by its status, and by the client's preferred type and language.

A site with one page for each status has one map, and NGINX reads no header of the client. With several pages, the last
map has a row for each preference that leads to another page than the first, for example:

    map "$status $xaccel_pages_type $xaccel_pages_language" $xaccel_pages {
        "~^404 " /srv/404.en.html;
        "404 json " /srv/404.json;
        "404 html de" /srv/404.de.html;
    }
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xaccel.site.rules import language_of_page, type_of_page
from xaccel.tools.nginx.emit import Directive, Raw, directive, map_block, phrase

_TYPES = {
    "json": r"~*^(?:(?! *text/html)[^,]*,)*? *application/(?:[a-z0-9.-]+\+)?json *(?:[;,]|$)",
    "html": "~*text/html",
}
"""Each type, and the `Accept` of clients that prefer it. The first of a list counts, since clients sort it, and a map
cannot compare weights (`q=`)."""


def maps(pages: Mapping[int, tuple[str, ...]], stem: str) -> Iterator[Directive]:
    """Yield the maps that make the variable `<stem>_pages`: the path of the page."""
    rows = [Directive(phrase(f"~^{status} "), (paths[0],)) for status, paths in pages.items()]
    source = phrase(f"$status ${stem}_pages_type ${stem}_pages_language")
    if all(len(paths) == 1 for paths in pages.values()):
        rows = [directive(str(status), paths[0]) for status, paths in pages.items()]
        source = Raw("$status")
    else:
        named = {language_of_page(path) for paths in pages.values() for path in paths} - {""}
        languages = sorted(named, key=lambda language: (-len(language), language))  # "pt-br" before "pt"
        types = [_when(test, kind) for kind, test in _TYPES.items()]
        why = "The type and language of your error pages."
        yield map_block("$http_accept", f"${stem}_pages_type", types, why=why)
        others = rf"(?:(?! *(?:{'|'.join(languages)})(?![a-z0-9]))[^,]*,)*"
        tests = [_when(f"~*^{others} *{language}(?![a-z0-9])", language) for language in languages]
        yield map_block("$http_accept_language", f"${stem}_pages_language", tests)
        for status, paths in pages.items():
            for kind in ("", *_TYPES):
                for language in ("", *languages):
                    if (path := _chosen(paths, kind, language)) != paths[0]:
                        rows.append(directive(phrase(f"{status} {kind} {language}"), path))
    yield map_block(source, f"${stem}_pages", rows, why="Your own pages.")


def _chosen(paths: tuple[str, ...], kind: str, language: str) -> str:
    """Return the page for a client that prefers a type and a language; "" for the first page's."""
    kind, language = kind or type_of_page(paths[0]), language or language_of_page(paths[0])
    return max(paths, key=lambda path: (type_of_page(path) == kind, language_of_page(path) == language))


def _when(test: str, value: str) -> Directive:
    return Directive(phrase(test), (value,))
