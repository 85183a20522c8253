"""Which headers of middleware a download has behind a real NGINX, for each adapter: the table of middleware.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from docs.generated.middleware import TABLE
from tests.adapters.apps.behind_middleware import CACHE_CONTROL, COOKIE, CORS, SECURITY, SPA
from tests.adapters.contenders import Contender, gunicorn
from tests.adapters.scene import Contest, directory_scene
from tests.live.client import Reply, ask
from xaccel_testing.servers.app import Kind

if TYPE_CHECKING:
    from xaccel_testing import Variant

ASYNC = {"django_async", "starlette", "fastapi", "asgi"}


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """Its site declares every header that the middleware sets, as docs/integrate/basics.md says."""
    folder = tmp_path_factory.mktemp("middleware")
    running = Contest(directory_scene(folder, [*CORS, *SECURITY]), folder)
    try:
        yield running
    finally:
        running.close()


def fate(reply: Reply, headers: Mapping[str, str]) -> str:
    """Whether the user has all of these headers, once each."""
    found = {name: reply.all(name) for name in headers}
    if any(len(values) > 1 for values in found.values()):
        return "twice"
    if not any(found.values()):
        return "lost"
    # Django REST framework has more in Vary, and each framework its own spelling.
    whole = all(value.lower() in "".join(found[name]).lower() for name, value in headers.items())
    return "passed" if whole else f"partly: {found}"


@pytest.mark.parametrize("name", TABLE)
def test_a_download_has_the_headers_of_middleware_that_the_table_names(
    contest: Contest, some_variant: Variant, name: str
) -> None:
    kind: Kind = "aiohttp" if name == "aiohttp" else "asgi" if name in ASYNC else "wsgi"
    contender = Contender(name, gunicorn(f"behind_middleware:{name}()", kind))
    reply = ask(contest.door(contender, some_variant).port, "/download/report", headers={"Origin": SPA})
    assert reply.status == 200, contest.app_log(contender)
    groups = {"cors": CORS, "security": SECURITY, "cookies": COOKIE, "cache_control": CACHE_CONTROL}
    assert {group: fate(reply, headers) for group, headers in groups.items()} == TABLE[name]
