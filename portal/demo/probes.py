"""Two servers inside the demo's own NGINX that only the check uses: they show what a user cannot see.

An origin that responds with the headers of the request and tries to steer NGINX, and a second backend that hands off
without the site's secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xaccel.handoff.identifiers import SENT_PATTERN
from xaccel.nginx.emit import Directive, Raw, block, directive
from xaccel.site import Site

ECHOED = (
    "Cookie",
    "Authorization",
    "Referer",
    "User-Agent",
    "Origin",
    "X-CSRFToken",
    "X-Secret",
    "X-Forwarded-For",
    "Content-Length",
)
"""Request headers that the origin sends back in its body."""

ECHO_LINE = "this is the echo origin"
USER_AGENT = re.compile(f"xaccel t={SENT_PATTERN}")
"""NGINX's own User-Agent: a part of the transfer id."""

ECHO_BYTES = (
    len(f"{ECHO_LINE}\n")
    + sum(len(f"{name}=\n") for name in ECHOED)
    + len("xaccel t=00000000-0000-7000-8000")
)
"""Length of the response if only NGINX's User-Agent came. With njs NGINX refuses a longer one than the portal says."""

ROGUE_PATHS = ("/rogue/without-secret", "/rogue/with-wrong-secret")

FORGED_ID = "018f0000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Probes:
    """The ports of both, on the loopback address."""

    echo_port: int
    rogue_port: int


def servers(probes: Probes, site: Site) -> Iterator[Directive]:
    """Print both servers, for the http level."""
    told = "".join(rf"{name}=$http_{name.lower().replace('-', '_')}\n" for name in ECHOED)
    yield block(
        "server",
        inside=[
            directive("listen", f"127.0.0.1:{probes.echo_port}"),
            directive("default_type", "text/plain"),
            directive("add_header", "X-Accel-Redirect", "/login"),
            directive("add_header", "Set-Cookie", "origin=1"),
            directive("add_header", "Content-Disposition", 'attachment; filename="origin.txt"'),
            directive("return", "200", Raw(rf'"{ECHO_LINE}\n{told}"')),
        ],
        why="An origin that returns the headers of its request.",
    )
    yield block(
        "server",
        inside=[
            directive("listen", f"127.0.0.1:{probes.rogue_port}"),
            directive("add_header", "X-Accel-Redirect", f"{site.internal_prefix}echo"),
            directive("add_header", "Xaccel-Url", f"http://127.0.0.1:{probes.echo_port}/stolen"),
            directive("add_header", "Xaccel-Id", FORGED_ID),
            block("location", "/", inside=[directive("return", "200")]),
            block(
                "location",
                "/rogue/with-wrong-secret",
                inside=[
                    directive("add_header", "X-Accel-Redirect", f"{site.internal_prefix}echo"),
                    directive("add_header", "Xaccel-Url", f"http://127.0.0.1:{probes.echo_port}/stolen"),
                    directive("add_header", "Xaccel-Id", FORGED_ID),
                    directive("add_header", "Xaccel-Auth", "0" * 43),
                    directive("return", "200"),
                ],
            ),
        ],
        why="A backend that is not the portal and hands off all the same.",
    )


def rogue_location(probes: Probes) -> Directive:
    """Print the location through which the second backend is reached."""
    return block(
        "location", "/rogue/", inside=[directive("proxy_pass", f"http://127.0.0.1:{probes.rogue_port}")]
    )
