"""Writes docs/reference/vectors.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.vectors.conditions import CONDITIONS
from tests.vectors.hand_offs import HAND_OFFS
from tests.vectors.headers import HEADERS
from tests.vectors.refusals import REFUSALS
from tests.vectors.run import outcome
from tests.vectors.sites import SITES
from xaccel.site import PROTOCOL

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "vectors.json"
CASES = [*HAND_OFFS, *HEADERS, *REFUSALS]


def made() -> dict[str, Any]:
    """Make the whole document from the cases."""
    return {
        "protocol": PROTOCOL,
        "sites": SITES,
        "vectors": [{**case, **outcome(case, SITES)} for case in CASES],
        "conditions": CONDITIONS,
    }


def text() -> str:
    """Spell it in ASCII, so that no editor changes a character."""
    return json.dumps(made(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii")
