"""Where a message says that a page of the documentation is."""

from __future__ import annotations

from email.message import Message

import pytest

from xaccel.commands import printing


@pytest.mark.parametrize(
    ("links", "where"),
    [
        ([], "docs/operate/storage.md"),
        (["Source, https://host.example/xaccel"], "docs/operate/storage.md"),
        (
            [
                "Source, https://host.example/xaccel",
                "Documentation, https://host.example/xaccel/blob/1f2e/docs/index.md",
            ],
            "https://host.example/xaccel/blob/1f2e/docs/operate/storage.md",
        ),
    ],
    ids=["a clone", "other links", "a release"],
)
def test_a_page_is_at_the_address_of_the_package(
    monkeypatch: pytest.MonkeyPatch, links: list[str], where: str
) -> None:
    package = Message()
    for link in links:
        package["Project-URL"] = link
    monkeypatch.setattr(printing, "metadata", lambda _: package)
    assert printing.page("docs/operate/storage.md") == where
