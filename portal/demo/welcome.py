"""The message that the demo prints when everything runs."""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.people import PEOPLE
from portal.demo.ports import USUAL
from portal.demo.stack import Stack


def welcome(stack: Stack, *, port_was_given: bool) -> Iterator[str]:
    """Yield the address and the logins, line by line."""
    yield ""
    yield f"  {stack.nginx.url}/"
    if not port_was_given and stack.nginx.port != USUAL:
        yield f"  (port {USUAL} is taken here, so a free one was chosen)"
    yield ""
    yield "  user    password         has"
    for person in PEOPLE:
        if person.listed:
            yield f"  {person.username:<7} {stack.identity.passwords[person.username]:<16} {person.about}"
    yield ""
    version = ".".join(map(str, stack.build.version))
    hides = "njs" if stack.build.njs else "headers-more" if stack.build.headers_more else "its own means"
    yield f"  NGINX {version} ({hides} hides the store's headers), all files in {stack.folder}"
    yield "  Ctrl-C stops everything. Each transfer prints one line:"
    yield ""
