"""The name under which Chromium itself saves what the Django adapter sends; test_table has the same header of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.adapters.contenders import REFERENCE
from tests.adapters.scene import TABLE, Contest
from tests.browser.conftest import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from xaccel.testing import Variant

SAVED = [
    request
    for request in TABLE["requests"]
    if request["group"] == "names"
    and TABLE["decisions"][request["download"]]["send"].get("options", {}).get("as_attachment")
]


@pytest.fixture
def page(unavailable: Callable[[str], NoReturn]) -> Iterator[Page]:
    """For this file alone: other tests of this folder run coroutines."""
    with chromium(unavailable) as launched:
        yield launched.new_page()


class Seen:
    """The responses that a page got: an error page in place of a download does not show its status."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._events: list[str] = []
        page.on("response", lambda response: self._events.append(f"{response.status} {response.url}"))
        page.on(
            "requestfailed",
            lambda request: self._events.append(f"failed: {request.failure} {request.url}"),
        )

    def report(self) -> str:
        """For the message of a failed test; the page itself may be gone or still loading."""
        from playwright.sync_api import Error

        try:
            text = self._page.content()
        except Error as error:
            text = f"cannot be read: {error}"
        return "\n".join([f"page: {self._page.url}", *self._events, f"its HTML: {text[:2000]}"])


def test_chromium_saves_under_the_name_of_the_table(
    contest: Contest, some_variant: Variant, page: Page
) -> None:
    from playwright.sync_api import TimeoutError as NoDownload

    door, seen, found = contest.door(REFERENCE, some_variant), Seen(page), {}
    assert len(SAVED) >= 17
    for request in SAVED:
        try:
            # longer than NGINX waits for the origin (5 + 30 s): a slow request ends as a download or an error page
            with page.expect_download(timeout=60_000) as waiting:
                page.evaluate("url => { location.href = url }", f"{door.url}/download/{request['download']}")
        except NoDownload:
            logs = (door.error_log, door.access_log, door.lines(), contest.app_log(REFERENCE))
            pytest.fail("\n".join([f"no download for {request['name']!r}", seen.report(), *map(str, logs)]))
        found[request["name"]] = waiting.value.suggested_filename
    assert found == {request["name"]: request["saved_as"] for request in SAVED}
