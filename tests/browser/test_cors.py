"""A page of another origin may read a download. tests/adapters/test_middleware.py has the headers of each adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.conftest import REQUEST_ID, Shown
from tests.browser.opened_files import OPENED
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.servers.origin import Origin

pytestmark = on_one_build

FETCH = """
async ([url, credentials]) => {
    try {
        const answer = await fetch(url, {credentials})
        return {
            status: answer.status,
            body: await answer.text(),
            request_id: answer.headers.get("X-Request-Id"),
            disposition: answer.headers.get("Content-Disposition"),
            hidden: answer.headers.get("Strict-Transport-Security"),
        }
    } catch (error) {
        return {refused: error.name}
    }
}
"""


def fetch(page: Page, origin: Origin, shown: Shown, credentials: str = "include") -> Any:
    """What a page of `origin` gets of a download, its user known to the app."""
    page.goto(f"{shown.nginx.url}/enter")
    page.goto(f"{origin.url}/")
    url = shown.url(OPENED["text"].key, view="mine", filename="日本.txt", as_attachment=True)
    return page.evaluate(FETCH, [url, credentials])


def test_another_origin_reads_a_download_and_its_exposed_headers(
    shown: Shown, page: Page, elsewhere: Origin
) -> None:
    assert fetch(page, elsewhere, shown) == {
        "status": 200,
        "body": OPENED["text"].content().decode(),
        "request_id": REQUEST_ID,
        "disposition": "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt",
        "hidden": None,
    }


def test_an_answer_to_somebody_unknown_is_readable_and_says_403(
    shown: Shown, page: Page, elsewhere: Origin
) -> None:
    assert fetch(page, elsewhere, shown, credentials="omit")["status"] == 403


def test_an_origin_that_is_not_allowed_reads_nothing(shown: Shown, page: Page) -> None:
    from tests.servers.origin import Answer, origin_server

    with origin_server(lambda _: Answer(body=b"x")) as stranger:
        assert fetch(page, stranger, shown) == {"refused": "TypeError"}


def test_without_the_middleware_another_origin_reads_nothing(
    shown_bare: Shown, page: Page, elsewhere: Origin
) -> None:
    assert fetch(page, elsewhere, shown_bare) == {"refused": "TypeError"}
