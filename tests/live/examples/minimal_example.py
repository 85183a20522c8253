"""The app in examples/minimal, and a person who signs in to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import build_opener

from tests.live.commands import python

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "minimal"


def manage(environ: Mapping[str, str], *arguments: str) -> str:
    """Run a command of the example, and return what it printed."""
    return python("manage.py", *arguments, environ=environ, folder=EXAMPLE)


class Browser:
    """A person, signed in with a session."""

    def __init__(self, url: str, session: str) -> None:
        self.url, self.opener = url, build_opener()
        self.opener.addheaders.append(("Cookie", f"sessionid={session}"))

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        try:
            with self.opener.open(self.url + path, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()
