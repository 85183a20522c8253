"""The operator's own error pages: his words, our status, headers and log line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.conftest import on_all_builds
from tests.live.client import Reply, ask, send_target
from tests.live.conftest import Places, config_text
from tests.servers.origin import Answer
from xaccel_testing import AppServer, Variant, free_port, nginx_server

STATUSES = {404: 404, 412: 412, 416: 416, 429: 503, 403: 502, 503: 503, 504: 504}


def test_the_operators_page_is_sent_with_xaccels_status_headers_and_entry(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    pages = tmp_path / 'his "own" pages, ü'
    pages.mkdir()
    named = {status: pages / f"{status}.html" for status in (404, 412, 416, 429, 502, 503, 504)}
    for status, file in named.items():
        file.write_text(f"<p>His own {status}</p>")
    site = replace(places.site, error_pages={status: (str(file),) for status, file in named.items()})
    port = free_port()
    text = config_text(site, variant, app.address, port)

    def get(headers: dict[str, str]) -> Reply:
        return ask(port, send_target({"origin": "partner", "key": "x"}), headers=headers)

    with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
        for origin, user_gets in STATUSES.items():
            places.origin.answer = lambda _, status=origin: Answer(
                status=status, body=b"<Error>bucket</Error>"
            )
            for headers in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": '"x"'}):
                reply = get(headers)
                assert (reply.status, reply.body) == (user_gets, f"<p>His own {user_gets}</p>".encode())
                assert reply.one("Content-Type") == "text/html; charset=utf-8"
                assert reply.one("Cache-Control") == "no-store"
                assert (
                    reply.all("Content-Disposition") == reply.all("Last-Modified") == reply.all("ETag") == []
                )
        lines = nginx.lines(3 * len(STATUSES))
        assert {line["why"] for line in lines} == {f"origin_{status}" for status in STATUSES}


CHOICES: list[tuple[dict[str, str], str]] = [
    ({}, "404.en.html"),
    ({"Accept": "*/*"}, "404.en.html"),
    ({"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, "404.en.html"),
    ({"Accept": "application/json"}, "404.json"),
    ({"Accept": "application/json, text/plain, */*"}, "404.json"),
    ({"Accept": "application/problem+json;q=0.9, text/html"}, "404.json"),
    ({"Accept": "text/html, application/json"}, "404.en.html"),
    ({"Accept": "application/jsonlines"}, "404.en.html"),
    ({"Accept-Language": "de-CH,de;q=0.9,en;q=0.8"}, "404.de.html"),
    ({"Accept-Language": "en-US,en;q=0.9,de;q=0.5"}, "404.en.html"),
    ({"Accept-Language": "fr, PT-BR;q=0.9, de;q=0.8"}, "404.pt-br.html"),
    ({"Accept-Language": "pt, deu, x-de"}, "404.en.html"),
    ({"Accept-Language": "de", "Accept": "application/json"}, "404.de.json"),
    ({"Accept-Language": "pt-br", "Accept": "application/json"}, "404.json"),
]
"""The headers of a client, and the page that it gets."""


@on_all_builds
def test_the_page_has_the_type_and_the_language_that_the_client_prefers(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    names = ["404.en.html", "404.de.html", "404.pt-br.html", "404.json", "404.de.json"]
    for name in (*names, "502.html"):
        (pages / name).write_text(name)
    named = {404: tuple(str(pages / name) for name in names), 502: (str(pages / "502.html"),)}
    port = free_port()
    text = config_text(replace(places.site, error_pages=named), variant, app.address, port)
    with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port):
        for headers, name in CHOICES:
            for status, sent in ((404, name), (500, "502.html")):
                places.origin.answer = lambda _, status=status: Answer(status=status, body=b"<Error/>")
                reply = ask(port, send_target({"origin": "partner", "key": "x"}), headers=headers)
                assert (headers, reply.body) == (headers, sent.encode())
                kind = "application/json" if sent.endswith(".json") else "text/html; charset=utf-8"
                assert reply.all("Content-Type") == [kind]
                assert reply.one("Cache-Control") == "no-store"
