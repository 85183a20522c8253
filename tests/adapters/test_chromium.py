"""The name under which Chromium itself saves what each adapter sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.adapters.contenders import CONTENDERS, REFERENCE, Contender
from tests.adapters.scene import TABLE, Contest
from tests.browser.conftest import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from xaccel.testing import Variant

pytestmark = pytest.mark.adapters

SAVED = [
    request
    for request in TABLE["requests"]
    if request["group"] == "names"
    and TABLE["decisions"][request["download"]]["send"].get("options", {}).get("as_attachment")
]


@pytest.fixture(scope="module")
def browser(unavailable: Callable[[str], NoReturn]) -> Iterator[Browser]:
    """For this file alone: other tests of this folder run coroutines."""
    with chromium(unavailable) as launched:
        yield launched


@pytest.mark.parametrize("contender", [REFERENCE, *CONTENDERS], ids=lambda contender: contender.name)
def test_chromium_saves_under_the_name_of_the_table(
    contest: Contest, contender: Contender, some_variant: Variant, page: Page
) -> None:
    from playwright.sync_api import TimeoutError as NoDownload

    door, found = contest.door(contender, some_variant), {}
    assert len(SAVED) >= 17
    for request in SAVED:
        try:
            with page.expect_download() as waiting:
                page.evaluate("url => { location.href = url }", f"{door.url}/download/{request['download']}")
        except NoDownload:
            pytest.fail(f"a page instead: {page.content()}\n{door.error_log}\n{door.lines()}")
        found[request["name"]] = waiting.value.suggested_filename
    assert found == {request["name"]: request["saved_as"] for request in SAVED}
