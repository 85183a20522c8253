"""Names that an app may have."""

from __future__ import annotations

import random

RULES = {
    "report 2026.pdf": "report 2026.pdf",
    "folder/ü.pdf": "folder/ü.pdf",
    "u\u0308.pdf": "ü.pdf",
    "👩\u200d👩\u200d👧.png": "👩\u200d👩\u200d👧.png",
    "../../etc/passwd": "_/_/etc/passwd",
    "/etc/passwd": "_/etc/passwd",
    "a//b/./c/": "a/_/b/_/c/_",
    "": "_",
    "C:\\windows\\x": "C__windows_x",
    "a\0b\x1b[31m\r\n\x85": "a_b_[31m___",
    "invoice\u202efdp.exe": "invoice_fdp.exe",
    "a\u2066\u200f\u061cb": "a___b",
    "\ud800x": "_x",
    'who?*|<>"': "who______",
    "name. ./x.": "name_/x_",
    "...": "_",
    "CON": "_CON",
    "x/nul.tar.gz": "x/_nul.tar.gz",
    "com¹ .txt": "_com¹ .txt",
    "console": "console",
    "lpt10": "lpt10",
    f"{'x' * 300}.pdf": f"{'x' * 236}.pdf",
    "é" * 200: "é" * 120,
    f"{'x' * 239}.{'y' * 20}": f"{'x' * 239}_",
}
"""Names that an app gives, and those that the archive has."""

_PIECES = [
    *"a A ü u\u0308 日本 (2) .txt .tar.gz".split(),
    "x" * 90,
    *"con nul ~ -rf ' # / ../ // \\ .".split(),
    *(" ", ":", "?", '"', "\0", "\n", "\x1b[31m", "\u202e", "\u200f", "\ud800"),
    *"<!--# --> <!- $uri $(id) `id` %2e%2e%2f %00 PK\x05\x06 ${x} {{x}}".split(),
]


def hostile_names(count: int) -> list[str]:
    """Return names that could mislead unpackers, file systems, shells, NGINX or SSI; the same ones each time."""
    drawn = random.Random(28)
    made = ("".join(drawn.choices(_PIECES, k=drawn.randrange(1, 9))) for _ in range(count - len(RULES)))
    return [*RULES, *made]
