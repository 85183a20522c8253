"""One module has the names that the app and NGINX agree on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import xaccel
from xaccel.site import protocol

PACKAGE = Path(xaccel.__file__).parent
NAMES = {
    value.lower()
    for name, value in vars(protocol).items()
    if name.endswith("_HEADER") or name in {"TRACE_COOKIE", "SIGN", "REVOKE", "UPLOAD_FORM"}
}
UPLOADS = PACKAGE / "features" / "uploads"
"""They have headers of their own, which no other module has."""


def spelled(path: Path) -> Iterator[str]:
    """Yield the texts of a module, docstrings apart, that are names of the protocol."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_unknown = node.value.startswith(protocol.PRIVATE_START) and node.value.isprintable()
            if node.value.lower() in NAMES or is_unknown:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno} {node.value!r}"


def test_no_other_module_spells_a_name_of_the_protocol() -> None:
    others = [
        path for path in PACKAGE.rglob("*.py") if path.name != "protocol.py" and UPLOADS not in path.parents
    ]
    assert [each for path in others for each in spelled(path)] == []
    assert len(list(spelled(Path(protocol.__file__)))) > 25
