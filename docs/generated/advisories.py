"""The table of known vulnerabilities of NGINX."""

from __future__ import annotations

from xaccel.nginx.advisories import ADVISORIES, SOURCES


def table() -> str:
    """Return the rows of ADVISORIES."""
    rows = [
        "| Vulnerability | Where | Fixed in NGINX | Fixed in Debian 13 | Sources |",
        "|---|---|---|---|---|",
    ]
    for row in ADVISORIES:
        fixed = ", ".join(".".join(map(str, version)) for version in row.fixed)
        debian = "never had it" if row.debian is None else f"1.26.3-3+deb13u{row.debian}"
        rows.append(f"| {row.name} | {row.where} | {fixed} | {debian} | {', '.join(row.sources)} |")
    return "\n".join(rows) + "\n"


def sources() -> str:
    """Return the address of each source."""
    return "\n".join(f"- {name}: {place}" for name, place in SOURCES.items()) + "\n"
