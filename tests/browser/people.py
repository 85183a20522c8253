"""Sign in to the portal as one of its users, and find files by name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import SharedFile, Stack


_SESSIONS: dict[tuple[str, str], dict[str, str]] = {}
"""The cookies of users who have signed in, by address of the portal and user name."""


def signed_in(portal: Stack, page: Page, name: str) -> Page:
    """Sign in by the form for the first time, then with the cookies of that session."""
    url = portal.nginx.url
    known = _SESSIONS.get((url, name), {})
    page.context.add_cookies([{"name": key, "value": value, "url": url} for key, value in known.items()])
    page.goto(url)
    if not known:
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(portal.identity.passwords[name])
        page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    _SESSIONS[url, name] = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(url)}
    return page


def show(portal: Stack, page: Page, file: SharedFile) -> None:
    """Go to the folder that has the file."""
    page.goto(f"{portal.nginx.url}/?{urlencode({'folder': file.sample.folder})}")


def named(portal: Stack, start: str) -> SharedFile:
    [file] = [file for file in portal.files_of("alice") if file.name.startswith(start)]
    return file
