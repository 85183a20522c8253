"""axe-core, which scripts/azurite installs, looks at a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / ".xaccel/azurite/node_modules/axe-core/axe.min.js"


def violations(page: Page, axe: str) -> list[tuple[str, str]]:
    """Return rule and element of each violation. The script goes around the policy, which lets no page run it."""
    page.evaluate(f"() => {{ {axe} }}")
    # a frame of a file is the browser's own viewer
    found: dict[str, Any] = page.evaluate("axe.run(document, {iframes: false})")
    return [(rule["id"], node["html"]) for rule in found["violations"] for node in rule["nodes"]]
