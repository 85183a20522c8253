"""The app in examples/minimal, and a person who signs in to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "minimal"


def manage(environ: Mapping[str, str], *arguments: str) -> str:
    """Run a command of the example, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=EXAMPLE,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Browser:
    """A person, signed in: with a session that exists, or else on the login page, where the name is the password."""

    def __init__(self, url: str, name: str, *, session: str = "") -> None:
        self.url, self.jar = url, CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.jar))
        if session:
            self.opener.addheaders.append(("Cookie", f"sessionid={session}"))
            return
        self.get("/login")
        token = next(cookie.value for cookie in self.jar if cookie.name == "csrftoken")
        form = urlencode({"csrfmiddlewaretoken": token, "username": name, "password": name}).encode()
        self.opener.open(Request(f"{url}/login", form), timeout=60).close()

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        try:
            with self.opener.open(self.url + path, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()
