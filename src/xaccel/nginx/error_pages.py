"""What the user gets when an origin does not deliver: a plain page, without a word of the origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xaccel.nginx import entry, guest, refusal
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.nginx.probe import Nginx
from xaccel.nginx.steps import FOLLOWED
from xaccel.site import Site


@dataclass(frozen=True, slots=True)
class Page:
    """One status that users see.

    origin: statuses of an origin, or of NGINX about it, that lead here.
    """

    status: int
    text: str
    origin: tuple[int, ...]
    retry_after_s: int | None = None


PAGES: tuple[Page, ...] = (
    Page(404, "Not found.\\n", (404, 410)),
    Page(412, "Precondition failed.\\n", (412,)),
    Page(416, "The file has no such range.\\n", (416,)),
    Page(429, "Too many downloads at once. Try again in a moment.\\n", (), retry_after_s=10),
    Page(503, "The file store is busy. Try again in a moment.\\n", (429, 503), retry_after_s=10),
    Page(504, "The file store did not answer in time. Try again in a moment.\\n", (504,)),
    Page(502, "The file store did not deliver the file.\\n", ()),
)
"""Every other status from 300 to 599 but 304 leads to 502. NGINX lets no error_page name 499 or 600 and more: with njs
such an answer is cut, without it passes with a sandbox (tests/live/test_errors.py)."""

_NGINX_ONLY = {304, 499}
_TAKEN = {401, *(status for page in PAGES for status in page.origin)}
_OTHERS = tuple(status for status in range(300, 600) if status not in _TAKEN | _NGINX_ONLY | set(FOLLOWED))


def remote(
    names: Names, *, again: str, again_on: tuple[int, ...] = FOLLOWED, pages: Raw | None = None
) -> Iterator[Directive]:
    """Print how statuses of an origin become pages, or another request.

    Explicit codes: a bare "=" lets a cached 416 go out as 200. `again` is the location that asks once more; `pages`
    stands for the page of the status.
    """
    yield directive(
        "proxy_intercept_errors",
        "on",
        why="Errors of the origin: its own pages tell bucket, key and more.",
    )
    yield directive("recursive_error_pages", "on")
    yield directive("error_page", *map(str, again_on), "=", again)
    yield directive("error_page", "401", "=401", pages or names.location("401"))
    for page in PAGES:
        statuses = page.origin if page.status != 503 else (503,)
        if page.status == 429:
            statuses = (429,)
        if page.status == 502:
            statuses = _OTHERS
        statuses = tuple(status for status in statuses if status not in again_on)
        if statuses:
            yield directive(
                "error_page",
                *map(str, statuses),
                f"={page.status}",
                pages or names.location(str(page.status)),
            )


def range_map(names: Names) -> Directive:
    """Print what of an origin's Content-Range may stand on our page: the length, no words."""
    length = names.plain("length")
    return volatile_map(
        Raw("$upstream_http_content_range"),
        names.var("no_such_range"),
        (f"~^(?<{length}>bytes \\*/[0-9]{{1,19}})$", Raw(f"${length}")),
    )


def maps(names: Names) -> Iterator[Directive]:
    """Print when an origin's 403 means that nothing is there."""
    yield volatile_map(
        phrase(f"{names.var('hides_missing')}|{names.var('origin_status')}|{names.var('refused')}"),
        names.var("missing"),
        ("1|403|", "1"),
    )


def local(names: Names) -> Iterator[Directive]:
    """Print how failures of the file system become pages."""
    for statuses, page in (((404,), 404), ((412,), 412), ((416,), 416), ((429,), 429), ((403, 500), 502)):
        yield directive("error_page", *map(str, statuses), f"={page}", names.location(str(page)))


def locations(site: Site, nginx: Nginx, names: Names) -> Iterator[Directive]:
    """Print the pages."""
    if site.has_remote_origins:
        yield challenge(site, nginx, names)
    why = "What the user gets instead of the file."
    for page in PAGES:
        yield block(
            "location",
            names.location(str(page.status)),
            inside=_page(page, site, nginx, names, guest.logs(site, names)),
            why=why,
        )
        why = ""
    yield block(
        "location",
        names.location("refused"),
        inside=_page(PAGES[0], site, nginx, names, refusal.logs(site, names)),
        why="What is sent for a hand-off that is refused. Its log entry reads the refused response itself: in a"
        " subrequest the variables may be those of another download.",
    )


def challenge(site: Site, nginx: Nginx, names: Names) -> Directive:
    """Print how the challenge of an origin's 401 is dropped on the way to the page of 502.

    NGINX copies WWW-Authenticate past proxy_hide_header, and takes it back only where another way of access has
    succeeded (tests/live/test_errors.py).
    """
    return block(
        "location",
        names.location("401"),
        inside=[
            *guest.logs(site, names),
            directive("recursive_error_pages", "on"),
            directive("error_page", "502", "=502", names.location("502")),
            directive("satisfy", "any"),
            *guest.asked_already(nginx),
            directive("root", "/dev/null"),
            directive("try_files", "/none", "=502"),
        ],
        why="The origin's challenge would stand on our page; where access is granted, NGINX takes it back.",
    )


def _page(
    page: Page, site: Site, nginx: Nginx, names: Names, logs: Iterable[Directive]
) -> Iterator[Directive]:
    file = site.error_pages.get(page.status)
    yield from logs
    yield Directive("types", (), ())
    yield directive("default_type", "")
    if nginx.njs:
        yield directive("js_header_filter", f"{names.plain('njs')}.error")
    kind = "text/plain" if file is None else "text/html; charset=utf-8"
    yield directive("add_header", "Content-Type", kind, "always")
    if page.status == 416:
        yield directive("add_header", "Content-Range", names.var("no_such_range"), "always")
    yield directive("add_header", "Cache-Control", "no-store", "always")
    yield directive("add_header", "X-Content-Type-Options", "nosniff", "always")
    if page.retry_after_s is not None:
        yield directive("add_header", "Retry-After", page.retry_after_s, "always")
    yield from guest.repeated_headers(site, nginx)
    yield from guest.no_filters(nginx)
    if site.has_remote_origins:
        yield from _instead_of_origin(page, site, names)
    yield from _instead(page, names)
    if file is None:
        yield directive("return", str(page.status), Raw(f'"{page.text}"'))
    else:
        folder, _, name = file.rpartition("/")
        yield directive("root", folder or "/", why="The operator's own page.")
        yield from guest.asked_already(nginx)
        yield directive("try_files", f"/{name}", f"={page.status}")
        yield directive("etag", "off")
        yield directive("add_header", "Last-Modified", "", "always")
        yield directive("max_ranges", 0)


def _instead_of_origin(page: Page, site: Site, names: Names) -> Iterator[Directive]:
    """Print what is done before the page is sent, where the status of an origin alone does not decide."""
    if page.status == 412:
        yield Directive("if", (guest.SUBREQUEST,), (directive("return", "412"),))
        yield directive("recursive_error_pages", "on")
        yield directive("error_page", "418", "=", entry.sender(site, names))
        yield directive(
            "set",
            names.var("whole"),
            names.var("guard"),
            why="The object was replaced since the client got its part: send the whole.",
        )
        yield Directive("if", (Raw(f"({names.var('whole')})"),), (directive("return", "418"),))
    if page.status == 502:
        yield directive("recursive_error_pages", "on")
        yield directive("error_page", "404", "=404", names.location("404"))
        yield Directive(
            "if",
            (Raw(f"({names.var('missing')})"),),
            (directive("return", "404"),),
            why="A store answers 403 for what is missing to those who may not list: missing_as_403 of the origin.",
        )


def _instead(page: Page, names: Names) -> Iterator[Directive]:
    if page.status == 429:
        yield directive("recursive_error_pages", "on")
        yield directive("error_page", "503", "=503", names.location("503"))
        yield Directive(
            "if",
            (Raw(f"({names.var('origin_status')} = 429)"),),
            (directive("return", "503"),),
            why="The origin's own limit is no fault of the user.",
        )
