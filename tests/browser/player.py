"""The player into which Chromium puts audio and video that is opened by its own address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page


def player(page: Page, expression: str) -> Any:
    """Read from the player `it`; what holds the page's promises back does not hold this back."""
    session = page.context.new_cdp_session(page)
    expression = f"(it => {expression})(document.querySelector('video'))"
    answer = session.send(
        "Runtime.evaluate",
        {"expression": expression, "returnByValue": True, "userGesture": True, "timeout": 5000},
    )
    session.detach()
    return answer["result"].get("value")
