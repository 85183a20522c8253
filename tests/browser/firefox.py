"""Firefox, driven by the protocol that it has built in.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until


class FirefoxError(Exception):
    """A command failed; `args` are Firefox's own words."""


class Firefox:
    """One session with a running Firefox, which saves downloads in the folder `downloads`."""

    def __init__(self, connection: socket.socket, downloads: Path) -> None:
        self._connection, self._stream, self._sent = connection, connection.makefile("rb"), 0
        self._downloads = downloads
        self._read()
        # `normal` has no sign of a download: Firefox waits for a page until the time is over
        self.command("WebDriver:NewSession", {"pageLoadStrategy": "none"})
        self.command("WebDriver:SetTimeouts", {"script": 60_000})

    def command(self, name: str, parameters: dict[str, Any]) -> Any:
        """Raises FirefoxError."""
        self._sent += 1
        text = json.dumps([0, self._sent, name, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._read()
        if error is not None:
            raise FirefoxError(error["error"], error["message"])
        return result

    def open(self, url: str) -> None:
        """Open `url`, and wait for the page. Raises FirefoxError if the response is a download instead."""
        before = self._saved()
        self.command("WebDriver:Navigate", {"url": url})
        assert wait_until(lambda: self._saved() > before or self._shows(url), timeout_s=120), url
        if self._saved() > before:
            raise FirefoxError("download", url)

    def _saved(self) -> int:
        """Return how many downloads are whole; 0 while one is saved, under two names."""
        found = list(self._downloads.iterdir())
        return 0 if any(path.suffix == ".part" for path in found) else len(found)

    def _shows(self, url: str) -> bool:
        try:
            found = self.evaluate("[document.URL, document.readyState]")
        except FirefoxError:  # the page has just gone
            return False
        return bool(found == [url, "complete"])

    def evaluate(self, expression: str) -> Any:
        """Run a script beside the page: it works where the page itself may run none."""
        parameters = {"script": f"return {expression}", "args": []}
        return self.command("WebDriver:ExecuteScript", parameters)["value"]

    def choose(self, selector: str, files: list[Path]) -> None:
        """Choose files in an input, as a user does."""
        found = self.command("WebDriver:FindElement", {"using": "css selector", "value": selector})
        [element] = found["value"].values()
        text = "\n".join(map(str, files))
        self.command("WebDriver:ElementSendKeys", {"id": element, "text": text})

    def close(self) -> None:
        self._stream.close()

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._stream.read(1)
            if not byte:
                raise ConnectionError("Firefox closed the connection")
            length += byte
        return json.loads(self._stream.read(int(length[:-1])))


@contextmanager
def firefox(program: str, folder: Path) -> Iterator[Firefox]:
    """Run Firefox with a new profile in `folder`."""
    port, downloads = free_port(), folder / "downloads"
    downloads.mkdir()
    preferences = {
        "marionette.port": port,
        # processes and pages that no test looks at
        "dom.ipc.processPrelaunch.enabled": False,
        "browser.startup.page": 0,
        "browser.newtabpage.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "toolkit.telemetry.enabled": False,
        "app.update.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "browser.download.folderList": 2,
        "browser.download.dir": str(downloads),
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
    (folder / "user.js").write_text("\n".join(lines))
    with (folder / "firefox.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--headless", "--marionette", "--no-remote", "--profile", str(folder)],
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
        try:
            opened: list[socket.socket] = []

            def listens() -> bool:
                try:
                    opened.append(socket.create_connection(("127.0.0.1", port), timeout=120))
                except OSError:
                    return False
                return True

            assert wait_until(listens, timeout_s=60), (folder / "firefox.log").read_text()
            with opened[0] as connection:
                session = Firefox(connection, downloads)
                yield session
                session.close()
        finally:
            process.terminate()
            process.wait(timeout=60)
