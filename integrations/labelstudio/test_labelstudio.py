"""Media of Label Studio's tasks."""

from __future__ import annotations

import pytest

from integrations.application import Running
from integrations.table import TABLE, Row


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_video_of_a_task(row: Row, site: Running) -> None:
    text, is_right = row.see(site)
    assert is_right, text
