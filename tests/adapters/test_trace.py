"""`xaccel trace` has the report of each adapter, and tells a denied download from a key that was not accepted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.adapters.contenders import CONTENDERS, NODE, REFERENCE, Contender
from tests.adapters.scene import Contest
from tests.live.commands import run
from xaccel.handoff.trace_key import ONE_MACHINE
from xaccel.site import read_mapping

if TYPE_CHECKING:
    from xaccel_testing import Variant

EACH = [each for each in (REFERENCE, *CONTENDERS) if each is not NODE]


@pytest.fixture(params=EACH, ids=lambda each: each.name)
def traced(request: pytest.FixtureRequest, contest: Contest, some_variant: Variant) -> Any:
    """Traces a download of one contender; `settings` are those of the command."""
    contender: Contender = request.param
    door = contest.door(contender, some_variant)
    # The key is for the path that the app sees, and these apps have their coroutine at another one.
    path = "adownload" if contender.name.endswith("-async") else "download"

    def trace(name: str, **settings: Any) -> dict[str, Any]:
        site = read_mapping.read({**contest.scene.site, **settings})
        site = replace(site, transfer_log=str(door.directory / "xaccel.log"))
        return json.loads(run(site, "trace", f"http://127.0.0.1:{door.port}/{path}/{name}", "--json"))

    return trace


def test_each_adapter_reports_its_hand_off_once(traced: Any) -> None:
    shown = traced("stored-url")
    assert (shown["end"], shown["single_use"]) == ("sent", ONE_MACHINE)
    assert [(hop["to"], hop["status"]) for hop in shown["hops"]] == [
        ("NGINX", 200),
        ("app", 200),
        ("origin partner", 200),
    ]


def test_a_denied_download_is_not_taken_for_a_wrong_secret(traced: Any) -> None:
    shown = traced("denied")
    assert (shown["end"], shown["hops"][0]["status"], len(shown["hops"])) == ("app", 403, 1)
    assert "denied the download" in shown["meaning"]
    assert "secret" not in shown["meaning"]


def test_a_key_made_with_another_secret_is_named(traced: Any) -> None:
    shown = traced("stored-url", SECRET="z" * 40)
    assert (shown["end"], shown["hops"][0]["status"], len(shown["hops"])) == ("key_refused", 200, 1)
    assert "secret" in shown["meaning"]
