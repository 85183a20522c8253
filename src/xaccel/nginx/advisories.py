"""Known faults of NGINX that matter for what is printed, by the version that mended them."""

from __future__ import annotations

from dataclasses import dataclass

from xaccel.nginx.probe import Nginx


@dataclass(frozen=True, slots=True)
class Advisory:
    """One fault. mended: the first version without it; distributions mend older ones under the old number."""

    name: str
    mended: tuple[int, int, int]
    what: str


ADVISORIES: tuple[Advisory, ...] = (
    Advisory(
        "CVE-2026-1642",
        (1, 29, 5),
        "who sits between NGINX and a TLS origin can put plain text before its answer",
    ),
    Advisory(
        "CVE-2026-42945",
        (1, 31, 0),
        "memory is overrun in the rewrite module, which the hand-off goes through",
    ),
    Advisory(
        "CVE-2026-9256",
        (1, 31, 1),
        "memory is overrun in the rewrite module, which the hand-off goes through",
    ),
)
"""From NGINX's change log (https://nginx.org/en/security_advisories.html)."""


def warnings(nginx: Nginx) -> list[str]:
    """Return one sentence for each fault that this version number has."""
    return [
        f"{found.name} is mended in NGINX {'.'.join(map(str, found.mended))}: {found.what}."
        for found in ADVISORIES
        if nginx.version < found.mended
    ]
