"""The options page: each field of Options, with the sentences and the example of options.toml."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

from docs.generated.docstrings import default_of, escaped
from xaccel.options import Options


def notes() -> dict[str, dict[str, str]]:
    """Return options.toml."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def options() -> str:
    """Return one section for each option."""
    sections = []
    for field in dataclasses.fields(Options):
        note = notes()[field.name]
        sections.append(
            f"### `{field.name}`\n\n{escaped(note['meaning'])}\n\n"
            f"Type `{field.type}`, default {default_of(field)}. Example: `{note['example']}`\n"
        )
    return "\n".join(sections)
