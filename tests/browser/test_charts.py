"""The portal's page of charts in Chromium: it can be read, and plots what the database has."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from portal.files.statistics.period import USUAL
from tests.browser.people import named, signed_in
from tests.conftest import on_one_build
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build


@pytest.mark.parametrize(
    ("width", "scheme", "drawn_in"),
    [(1200, "light", "rgb(31, 111, 125)"), (375, "dark", "rgb(99, 183, 196)")],
    ids=["desk", "phone in the dark"],
)
def test_the_charts_show_the_history_of_the_demo(
    portal: Stack, page: Page, width: int, scheme: Literal["light", "dark"], drawn_in: str
) -> None:
    """Under the policy of the portal's pages: a style or script that it forbids is told on the console."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    look(page, width, scheme)
    signed_in(portal, page, "admin")
    page.get_by_role("link", name="Statistics").click()

    assert page.locator("#files svg").count() == 1
    whole = page.locator("#downloads svg .tone-whole rect[height]")
    assert whole.last.evaluate("bar => getComputedStyle(bar).fill") == drawn_in
    assert whole.evaluate_all("all => Math.max(...all.map(bar => bar.getBoundingClientRect().height))") > 20
    for text in page.locator("#downloads svg text").all():
        assert text.bounding_box()["height"] > 10
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_text("Show the numbers of Most").click()
    assert page.locator("#files tbody th").first.is_visible()
    assert told == []


def look(page: Page, width: int, scheme: Literal["light", "dark"]) -> None:
    """Let the page be as wide as a device, in its colours."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)


@pytest.fixture
def charts(portal: Stack, page: Page) -> Page:
    """The page of charts, after downloads of all kinds."""
    look(page, 1200, "light")
    signed_in(portal, page, "alice")
    whole, begun = named(portal, "会議"), named(portal, "100%")
    asked = [(whole, {}), (whole, {}), (begun, {"Range": "bytes=0-4"})]
    for file, headers in asked:
        assert page.request.get(f"{portal.nginx.url}{file.path}", headers=headers).ok
    page.context.clear_cookies()
    signed_in(portal, page, "carol")
    assert page.request.get(f"{portal.nginx.url}{whole.path}").status == 404
    page.context.clear_cookies()
    signed_in(portal, page, "admin")
    page.get_by_role("link", name="Statistics").click()
    return page


def test_the_charts_plot_the_numbers_of_the_database(portal: Stack, charts: Page) -> None:
    found: dict[str, dict[str, int]] = {}

    def all_is_taken_in() -> bool:
        charts.reload()
        # exports of the database take much longer than a page
        if plotted(charts)["troubles"]["no log entry"]:
            return False
        found.update(in_the_database(portal))
        return found["troubles"]["no log entry"] == 0 and plotted(charts) == found

    assert wait_until(all_is_taken_in, timeout_s=60, every_s=0.1), (plotted(charts), found)
    assert found["downloads"]["complete"] >= 2
    assert found["downloads"]["incomplete or in progress"] >= 1
    assert found["troubles"]["denied"] >= 1
    for figure, numbers in found.items():
        drawn = bars(charts, figure, "width" if figure == "files" else "height")
        [of_one, *_] = [size / many for many, size in drawn if many]
        assert [size for _, size in drawn] == pytest.approx([many * of_one for many, _ in drawn], abs=0.5)
        charts.locator(f"#{figure} summary").click()
        rows = [row.locator("td").all_inner_texts() for row in charts.locator(f"#{figure} tbody tr").all()]
        assert [sum(map(int, column)) for column in zip(*rows, strict=True)] == list(numbers.values())
        read_out = charts.locator(f"#{figure} svg").get_attribute("aria-label") or ""
        said = ", ".join(f"{many} {name}" for name, many in numbers.items())
        assert figure == "files" or read_out.endswith(f"days: {said}")


def in_the_database(portal: Stack) -> dict[str, dict[str, int]]:
    """What each chart must come to, by what it is called there."""
    downloads, transfers = (
        [
            json.loads(line)
            for line in manage(portal, "xaccel", "export", what, "--format", "jsonl").splitlines()
        ]
        for what in ("downloads", "transfers")
    )
    since = datetime.now(UTC).date() - timedelta(days=USUAL - 1)

    def recent(row: dict[str, Any], moment: str) -> bool:
        return row[moment] is not None and datetime.fromisoformat(row[moment]).date() >= since

    saved = {row["download_id"] for row in transfers if row["as_attachment"]}
    downloads = [row for row in downloads if recent(row, "opened_at") and row["id"] in saved]
    transfers = [row for row in transfers if recent(row, "decided_at")]
    outcomes = Counter("incomplete" if row["why"] == "client_left" else row["outcome"] for row in transfers)
    per_file = Counter((row["origin"], row["key"]) for row in downloads)
    first = {file for file, _ in sorted(per_file.items(), key=lambda one: (-one[1], one[0]))[:10]}

    def whole(rows: list[dict[str, Any]]) -> dict[str, int]:
        complete = sum(row["sent_complete"] for row in rows)
        return {"complete": complete, "incomplete or in progress": len(rows) - complete}

    return {
        "downloads": whole(downloads),
        "files": whole([row for row in downloads if (row["origin"], row["key"]) in first]),
        "troubles": {
            "denied": outcomes["denied"],
            "interrupted": outcomes["incomplete"],
            "failed": outcomes["refused"],
            "no log entry": outcomes["granted"] + outcomes["unknown"],
        },
    }


def manage(portal: Stack, *arguments: str) -> str:
    return subprocess.run([*portal.manage, *arguments], capture_output=True, text=True, check=True).stdout


def plotted(page: Page) -> dict[str, dict[str, int]]:
    """The sums of the bars of each chart, by the names of the legend."""
    found = {}
    for figure in ("downloads", "files", "troubles"):
        names = page.locator(f"#{figure} .legend li").all_inner_texts()
        titles = page.locator(f"#{figure} svg .bar title").all_text_contents()
        found[figure] = {
            name: sum(number(title) for title in titles if title.endswith(f" {name}")) for name in names
        }
    return found


def bars(page: Page, figure: str, side: str) -> list[tuple[int, float]]:
    """The number that each bar stands for, and how large it is drawn."""
    size = f"bar.querySelector('rect').getBBox().{side}"
    script = f"bars => bars.map(bar => [bar.querySelector('title').textContent, {size}])"
    return [(number(title), size) for title, size in page.eval_on_selector_all(f"#{figure} svg .bar", script)]


def number(title: str) -> int:
    """Of the title of a bar: "25 Nov: 3 complete"."""
    return int(title.rpartition(": ")[2].split()[0])
