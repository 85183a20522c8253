"""The table of headers that other middleware sets, from the rows that `scripts/test tests/adapters` tests."""

from __future__ import annotations

import tomllib
from pathlib import Path

TABLE: dict[str, dict[str, str]] = tomllib.loads(
    (Path(__file__).parents[2] / "tests" / "adapters" / "middleware.toml").read_text(encoding="utf-8")
)
_ADAPTERS = {
    "django": "Django",
    "django_async": "Django, async views",
    "drf": "Django REST framework",
    "ninja": "django-ninja",
    "flask": "Flask",
    "starlette": "Starlette",
    "fastapi": "FastAPI",
    "wsgi": "WSGI",
    "asgi": "ASGI",
    "aiohttp": "aiohttp",
}


def table() -> str:
    """Return a row for each adapter."""
    lines = [
        "| Adapter | CORS | Security headers | Cookies | Private `Cache-Control` |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {_ADAPTERS[name]} | {' | '.join(row.values())} |" for name, row in TABLE.items()]
    return "\n".join(lines) + "\n"
