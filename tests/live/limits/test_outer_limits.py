"""A limit_conn of the operator's own around the parts: NGINX counts one level only, and this is which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.live.front.guest import operators_text
from tests.live.limits.held import MIB, held
from tests.live.stage import Stage, stage, target
from tests.servers.origin import Answer, origin_server
from xaccel.tools.nginx import Directive, Parts
from xaccel.tools.nginx.emit import directive
from xaccel_testing import Variant

OURS = 2
TEAM = {"X-Team": "blue"}


@contextmanager
def beside(
    variant: Variant, folder: Path, http: str, server: str, *, app: Sequence[Directive] = (), **settings: Any
) -> Iterator[Stage]:
    """The parts in the NGINX of an operator with these lines; `app` are his in the app's location."""
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "x").write_bytes(b"x" * MIB)
    with origin_server(lambda _: Answer(body=b"x" * MIB)) as origin:
        origins = {"partner": {"base_url": f"{origin.url}/"}, "media": {"root": str(folder / "media")}}
        text = operators_text(variant, http=http, server=server)

        def change(parts: Parts) -> Parts:
            return replace(parts, app=(*parts.app, *app))

        with stage(folder / "nginx", variant, origins, write=text, change=change, **settings) as running:
            yield running


def statuses(running: Stage, already: int) -> set[tuple[int, str | None]]:
    """Status and Retry-After of one transfer more than `already`, from each origin."""
    found = set()
    for origin in ("partner", "media"):
        options = {"subject": str(uuid4()), "limit_rate": 1000}
        with held(running.nginx.port, [target(origin, options=options, put=TEAM)] * already):
            reply = running.get(origin, method="HEAD", options=options, put=TEAM)
        found.add((reply.status, reply.one("Retry-After")))
        # a transfer counts until its entry is written
        running.nginx.lines(len(running.hand_offs))
    return found


@pytest.mark.parametrize("level", ["http", "server", "location"])
def test_the_operators_limit_around_or_at_the_app_replaces_xaccels(
    variant: Variant, tmp_path: Path, level: str
) -> None:
    his = 4
    zone, line = "limit_conn_zone $binary_remote_addr zone=his:1m;", f"limit_conn his {his};"
    http, server = {"http": (f"{zone} {line}", ""), "server": (zone, line), "location": (zone, "")}[level]
    more = {"app": [directive("limit_conn", "his", his)] if level == "location" else [], "concurrency": OURS}
    with beside(variant, tmp_path, http, server, **more) as running:
        assert statuses(running, his - 1) == {(200, None)}
    with beside(variant, tmp_path / "again", http, server, **more) as running:
        hand_offs = len(running.hand_offs)
        assert {status for status, _ in statuses(running, his)} == {503}
        assert len(running.hand_offs) == hand_offs + 2 * his


def test_xaccels_limit_counts_if_the_operators_key_is_empty_for_the_app(
    variant: Variant, tmp_path: Path
) -> None:
    http = 'map $uri $his { default $binary_remote_addr; "~^/send" ""; } limit_conn_zone $his zone=his:1m;'
    with beside(variant, tmp_path, http, "limit_conn his 1;", concurrency=OURS) as running:
        assert statuses(running, OURS) == {(429, "1")}


@pytest.mark.parametrize("ours", [None, OURS])
def test_xaccels_limit_replaces_an_operators_with_a_key_of_the_response(
    variant: Variant, tmp_path: Path, ours: int | None
) -> None:
    """Without ours it counts, since it reaches into our locations."""
    http = "limit_conn_zone $upstream_http_x_team zone=his:1m;"
    with beside(variant, tmp_path, http, "limit_conn his 1;", concurrency=ours) as running:
        found = {status for status, _ in statuses(running, OURS - 1)}
        assert found == {200 if ours else 503}


def test_the_operators_dry_run_does_not_change_xaccels_limit(variant: Variant, tmp_path: Path) -> None:
    http = "limit_conn_dry_run on; limit_conn_status 444;"
    with beside(variant, tmp_path, http, "", concurrency=OURS) as running:
        assert statuses(running, OURS) == {(429, "1")}
