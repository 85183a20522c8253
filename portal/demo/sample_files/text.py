"""Small texts, each different."""

from __future__ import annotations

from collections.abc import Iterator


def blocks(title: str) -> Iterator[bytes]:
    """Yield a short text in UTF-8 that holds its own title."""
    yield f"{title}\n\n".encode()
    for number in range(1, 21):
        yield f"{number:2}. NGINX sent this line of “{title}”; the app only said that it may.\n".encode()


def drawing() -> Iterator[bytes]:
    """Yield an SVG with a script in it, which must not run."""
    yield (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 120">\n'
        b'<rect width="200" height="120" rx="12" fill="#12405c"/>\n'
        b'<path d="M30 90 75 35l30 35 20-22 45 42z" fill="#7fc8a9"/>\n'
        b'<script>document.documentElement.setAttribute("data-script", "ran")</script>\n</svg>\n'
    )


def page() -> Iterator[bytes]:
    """Yield an HTML page with a script in it, which must not run."""
    yield (
        b"<!doctype html><meta charset=utf-8><title>Somebody's page</title>\n"
        b"<p id=p>This page was uploaded by somebody. Its script did not run.</p>\n"
        b"<script>document.getElementById('p').textContent = 'The script ran.'</script>\n"
    )


def minutes(title: str) -> Iterator[bytes]:
    """Yield the minutes of a meeting."""
    yield f"{title}\n\nPresent: Alice Moreau, Bob Tanaka, Carol Ahmed\n\n".encode()
    for number, boat in enumerate(("Kittiwake", "Sandpiper", "Little Auk", "Fulmar"), start=1):
        yield f"{number}. {boat}: hull ready on day {number * 7}, sails ordered, mast {8 + number} m.\n".encode()


def prices() -> Iterator[bytes]:
    """Yield a table of prices."""
    yield b"work,unit,price\n"
    for number, work in enumerate(("antifouling", "varnish", "rigging", "winter berth", "engine service")):
        yield f"{work},hour,{40 + number * 731 % 50}.00\n".encode()


def ledger() -> Iterator[bytes]:
    """Yield a table that only the group finance may have."""
    yield b"month,income,costs\n"
    for month in range(1, 13):
        yield f"2026-{month:02},{month * 731 % 9000 + 1000}.00,{month * 547 % 7000 + 500}.00\n".encode()
