"""The name under which Chromium itself saves what each adapter sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adapters.contenders import CONTENDERS, REFERENCE, Contender
from tests.adapters.scene import TABLE, Contest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from xaccel.testing import Variant

pytestmark = pytest.mark.adapters

SAVED = [
    request
    for request in TABLE["requests"]
    if request["group"] == "names"
    and TABLE["decisions"][request["download"]]["send"].get("options", {}).get("as_attachment")
]


@pytest.mark.parametrize("contender", [REFERENCE, *CONTENDERS], ids=lambda contender: contender.name)
def test_chromium_saves_under_the_name_of_the_table(
    contest: Contest, contender: Contender, some_variant: Variant, page: Page
) -> None:
    door, found = contest.door(contender, some_variant), {}
    assert len(SAVED) >= 17
    for request in SAVED:
        with page.expect_download() as waiting:
            page.evaluate("url => { location.href = url }", f"{door.url}/download/{request['download']}")
        found[request["name"]] = waiting.value.suggested_filename
    assert found == {request["name"]: request["saved_as"] for request in SAVED}
