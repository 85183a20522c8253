"""The pages of the documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from secrets import token_urlsafe

from xaccel.site.rules import PLACEHOLDER

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^ *```([a-z]+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
"""A block of code. In a list it is indented."""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def replace_each(text: str, changes: Mapping[str, str]) -> str:
    """Replace texts in one pass, so that none is replaced in what another one put in: port 8080 in 18081."""
    if not changes:
        return text
    return re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], text)


def own_secret(code: str) -> str:
    """A site's file with the secret of the documentation replaced, as its words say."""
    return code.replace(PLACEHOLDER, token_urlsafe(32))
