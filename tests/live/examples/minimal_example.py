"""The app in examples/minimal, and a person who signs in to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import build_opener

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
