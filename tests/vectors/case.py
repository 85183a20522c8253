"""One vector: what goes in."""

from __future__ import annotations

from typing import Any

NOW = "2026-11-05T12:00:00Z"
ID = "019a53f1-7c00-7abc-8def-0123456789ab"


def case(
    name: str,
    why: str,
    origin: str,
    key: str | None = None,
    *,
    site: str = "main",
    now: str = NOW,
    method: str = "GET",
    url: str | dict[str, str] | None = None,
    bucket: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Spell one vector's input; what is None is left out."""
    given = {"key": key, "url": url, "bucket": bucket}
    return {
        "name": name,
        "why": why,
        "site": site,
        "now": now,
        "id": ID,
        "method": method,
        "origin": origin,
        **{field: value for field, value in given.items() if value is not None},
        "options": options,
    }
