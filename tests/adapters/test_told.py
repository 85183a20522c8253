"""Each adapter logs its decision, and no part of a refusal's record reaches the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.adapters.contenders import CONTENDERS, NODE, REFERENCE, Contender
from tests.adapters.scene import Contest
from tests.live.client import Reply, ask

if TYPE_CHECKING:
    from xaccel_testing import Variant

RECORD = {"key": "dossier.pdf", "origin": "documents", "reason": "embargo", "subject": "ada-7"}


@pytest.fixture(
    params=[each for each in (REFERENCE, *CONTENDERS) if each is not NODE], ids=lambda each: each.name
)
def recorded(request: pytest.FixtureRequest, contest: Contest, some_variant: Variant) -> Any:
    """Asks for a download, and returns the answer with what the adapter told meanwhile."""
    contender: Contender = request.param
    door = contest.door(contender, some_variant)

    def ask_and_look(name: str, method: str = "GET", **headers: str) -> tuple[Reply, list[dict[str, Any]]]:
        before = len(contest.told(contender))
        named = {header.replace("_", "-"): value for header, value in headers.items()}
        return ask(door.port, f"/download/{name}", method, named), contest.told(contender)[before:]

    return ask_and_look


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [403, 404])
def test_a_denial_is_one_event_that_the_response_does_not_contain(
    recorded: Any, status: int, method: str
) -> None:
    reply, told = recorded(f"recorded-{status}", method)
    wanted = {**RECORD, "method": method, "allowed": False, "transfer_id": ""}
    assert [{field: event[field] for field in wanted} for event in told] == [wanted]
    assert reply.status == status
    answer = reply.everything().decode("latin-1").lower()
    assert [field for field, value in RECORD.items() if value in answer] == []


def test_a_download_is_one_event_with_its_transfer(recorded: Any) -> None:
    reply, [event] = recorded("size")
    assert reply.status == 200
    assert (event["allowed"], event["subject"], event["reason"]) == (True, "42", "")
    assert event["transfer_id"]


def test_a_304_is_one_event_without_a_transfer(recorded: Any) -> None:
    reply, [event] = recorded("tagged", If_None_Match='"v7"')
    assert reply.status == 304
    assert (event["allowed"], event["reason"], event["transfer_id"]) == (True, "304 by the app", "")
