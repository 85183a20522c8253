"""The tables of the other live tests, row by row, through TLS and HTTP/2: a row added there runs here too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from tests.live import conftest
from tests.live.client import Reply
from tests.live.conftest import Live
from tests.live.front.front_door import Door, door

__all__ = ["door"]

# Each row runs on all builds over HTTP/1.1, and HTTP/2 does in test_front_door. These
# two have each version of NGINX, with njs and without.
pytestmark = pytest.mark.variants("deb", "wheel-njs")

TABLES = tuple(
    import_module(f"tests.live.{name}")
    for name in (
        "handoff.test_bytes",
        "handoff.test_internal",
        "origin.test_methods",
        "origin.test_redirects",
        "origin.test_request_headers",
        "response.test_errors",
        "response.test_ranges",
        "response.test_response_headers",
    )
)
SPOKEN_BY_HAND = {
    "test_chunks_for_a_client_of_http_1_0_are_a_response_without_an_end": "HTTP/1.0 and older",
    "test_a_client_of_http_1_0_gets_what_has_a_length": "HTTP/1.0",
    "test_a_response_that_is_not_http_is_cut_with_njs": "HTTP/1.1 on a socket; over HTTP/2 in test_front_door",
}


def collected(tables: Iterable[ModuleType]) -> dict[str, Callable[..., Any]]:
    """The tests of these modules, and the fixtures that store what they ask for."""
    found: dict[str, Callable[..., Any]] = {}
    for table in tables:
        short = table.__name__.rpartition("test_")[2]
        for name, value in vars(table).items():
            if name == "_stored":
                found[f"_stored_for_{short}"] = value
            elif name.startswith("test_") and name not in SPOKEN_BY_HAND:
                assert name not in found, f"two tables have {name}"
                found[name] = value
    return found


globals().update(collected(TABLES))


@pytest.fixture
def live(door: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """As the `live` of the other tests, but whoever asks does so over HTTP/2."""

    def ask(port: int, *request: Any, **more: Any) -> Reply:
        assert port == door.live.nginx.port
        return door.ask("h2", *request, **more)

    for module in (conftest, *TABLES):
        if hasattr(module, "ask"):
            monkeypatch.setattr(module, "ask", ask)
    yield door.live
    assert "HTTP/1" not in door.live.nginx.access_log, "a test found another way in than this fixture's"
