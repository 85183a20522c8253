"""Read pixels of the screen: the browser's own viewers have no other interface."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_READ = """
async ([shot, places]) => {
    const image = new Image()
    image.src = "data:image/png;base64," + shot
    await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d")
    canvas.drawImage(image, 0, 0)
    return places.map(([x, y]) => [...canvas.getImageData(x, y, 1, 1).data].slice(0, 3))
}
"""


def colours(page: Page, *places: tuple[int, int]) -> list[tuple[int, ...]]:
    """Red, green and blue at each of `places`, in pixels from the top left corner."""
    shot = base64.b64encode(page.screenshot()).decode()
    reader = page.context.new_page()
    try:
        return [tuple(colour) for colour in reader.evaluate(_READ, [shot, places])]
    finally:
        reader.close()
