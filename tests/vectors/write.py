"""Write the outcome of each vector into docs/reference/vectors.json again; sites, inputs and conditions stay.

A new vector is written there with its inputs, and gets its outcome here.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors.run import OUTCOMES, outcome
from xaccel.site import PROTOCOL

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "vectors.json"


def text() -> str:
    """Spell the document in ASCII, so that no editor changes a character."""
    document = json.loads(FILE.read_text(encoding="ascii"))
    inputs = [
        {field: value for field, value in vector.items() if field not in OUTCOMES}
        for vector in document["vectors"]
    ]
    made = [{**vector, **outcome(vector, document["sites"])} for vector in inputs]
    return json.dumps({**document, "protocol": PROTOCOL, "vectors": made}, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii")
