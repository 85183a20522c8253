"""The pages that NGINX sends itself: for a download that fails, and while the app does not respond."""

from __future__ import annotations

from pathlib import Path

from django.template.loader import render_to_string

PAGES = {
    400: ("This site cannot read the request", "The address that your browser sent is not valid."),
    404: ("File or page not found", "The address may be wrong, or the file is no longer in the storage."),
    412: ("The file has changed", "There is another version now. Download the file again from the start."),
    413: ("The form is too large", "Send less at a time."),
    414: ("The address is too long", "Start again from your files."),
    416: (
        "The file has changed",
        "This part of it does not exist now. Download the file again from the start.",
    ),
    429: (
        "Too many downloads at the same time",
        "Wait until one of your downloads is complete, then try again.",
    ),
    500: (
        "Something went wrong on our side",
        "Nothing is wrong with your account. Try again in a few minutes.",
    ),
    502: (
        "The file or page is not available",
        "The server that has it does not respond. Try again in a few minutes.",
    ),
    503: ("The portal is busy", "Nothing is wrong with your file or your account. Try again in a minute."),
    504: (
        "The file or page is not available",
        "The server that has it takes too long. Try again in a few minutes.",
    ),
}
"""Heading and explanation, by status."""


def write_error_pages(folder: Path) -> None:
    """Write a page for each status, named STATUS.html. Static files must be collected before."""
    folder.mkdir(parents=True, exist_ok=True)
    for status, (heading, words) in PAGES.items():
        page = render_to_string("nginx_error.html", {"status": status, "heading": heading, "words": words})
        (folder / f"{status}.html").write_text(page, encoding="utf-8")
