"""The table of failures, from the rows that the live tests walk."""

from __future__ import annotations

from tests.live.origin.failure_rows import CUT, NOTHING, ROWS, Got


def table() -> str:
    """Return a line for each row, two where NGINX with njs differs from one without."""
    lines = ["| Origin or network | User | `status` | `why` | `framing` | `completion` |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in ROWS:
        if row.stock is None:
            lines.append(_line(row.does, row.got))
        else:
            lines += [_line(f"{row.does} (with njs)", row.got), _line(f"{row.does} (without)", row.stock)]
    return "\n".join(lines) + "\n"


def _line(does: str, got: Got) -> str:
    status, end = got.user
    if end == NOTHING:
        user = "no response"
    elif status == 9:
        user = "the origin's bytes"
    elif end == CUT:
        user = f"{status}, broken off"
    else:
        user = str(status)
    return f"| {does} | {user} | {got.status} | {_word(got.why)} | {got.framing} | {_word(got.completion)} |"


def _word(text: str) -> str:
    return f"`{text}`" if text else "(empty)"
