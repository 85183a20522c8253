"""The arguments of every question: the servers, users with open browsers, and everything seen so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from portal.demo.check.browser import Browser, Exchange
from portal.demo.probes import Probes
from portal.demo.stack import SharedFile, Stack


@dataclass(slots=True)
class Scene:
    """One run of the check. `seen` grows with every response."""

    stack: Stack
    seen: list[Exchange] = field(default_factory=list)
    _browsers: dict[str, Browser] = field(default_factory=dict)

    def nobody(self) -> Browser:
        """Return a browser in which nobody has signed in."""
        return Browser(self.stack.nginx.port, self.seen)

    def browser(self, username: str) -> Browser:
        """Return the user's browser; the first call for these servers signs in. Raises PermissionError."""
        if username not in self._browsers:
            if cookies := self.stack.sessions.get(username):
                self._browsers[username] = Browser(self.stack.nginx.port, self.seen, username, cookies)
            else:
                self.sign_in(username)
        return self._browsers[username]

    def sign_in(self, username: str) -> None:
        """Sign in by the form. Raises PermissionError."""
        found = Browser(self.stack.nginx.port, self.seen, username)
        answer = found.sign_in(self.stack.identity.passwords[username])
        if answer.status != 302:
            raise PermissionError(f"{username} cannot sign in: {answer}")
        self._browsers[username] = found
        self.stack.sessions[username] = found.cookies

    def file(self, name: str) -> SharedFile:
        """Return the sample of that name."""
        return next(file for file in self.stack.files if file.name == name)

    @property
    def probes(self) -> Probes:
        """The two servers for the check. The stack must have been started with them."""
        assert self.stack.probes is not None
        return self.stack.probes

    def probe_path(self, name: str) -> str:
        """Return the path of one of the files that only the check asks for."""
        return f"/files/{self.stack.extra_pks[name]}/download"
