"""A filled trail with the hash chain, and what `verify` finds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.audit.conftest import Log, decide, swept, take
from xaccel.audit.chain.verify import Verification
from xaccel.audit.models import Seal, Transfer


@pytest.fixture(autouse=True)
def _chained(settings: Any) -> None:
    settings.XACCEL_AUDIT = {"CHAIN": True}


def tidy() -> None:
    swept(datetime.now(UTC))


def verdict(known: tuple[int, str] | None = None) -> Any:
    return Verification("default", known)


def newest() -> tuple[int, str]:
    """Return number and digest of the newest seal."""
    return Seal.objects.order_by("-number").values_list("number", "chain")[0]


@pytest.fixture
def filled(log: Log, client: Any) -> list[Any]:
    """Five transfers sent, one denied, one awaited too long, one awaited."""
    lines = [log.line(at, subject=str(at % 2), ip=f"192.0.2.{at}") for at in range(5)]
    for line in lines:
        decide(line)
    decide(log.line(-10))
    client.get("/deny", {"key": "größe.pdf"})
    client.get("/send", {"key": "awaited"})
    take(log, *lines)
    tidy()
    return list(Transfer.objects.order_by("id"))


def sent() -> list[Any]:
    return list(Transfer.objects.filter(outcome="sent").order_by("id"))
