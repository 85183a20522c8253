"""Valid and invalid BUFFERS of a site; tests/live/response/test_buffers.py compares them with NGINX."""

from __future__ import annotations

import pytest

from tests.memory_costs import memory_kb
from tests.unit.site.buffer_values import REFUSED, TAKEN
from tests.unit.site.mappings import LEAST, told
from xaccel.site.read_mapping import read
from xaccel.site.rules import DEFAULT_BUFFERS as DEFAULT
from xaccel.site.rules import split_buffers as split

UNREADABLE = ["", *"8|16k|8 16|8 1m|8  16k| 8 16k|8 16k\n|08 16k|8 16K;|-8 16k|٨ 16k".split("|")]


def test_the_default_is_eight_of_16k() -> None:
    assert read(LEAST).buffers == DEFAULT == "8 16k"
    assert read({**LEAST, "BUFFERS": None}).buffers == DEFAULT


@pytest.mark.parametrize("text", TAKEN)
def test_values_that_nginx_accepts_are_accepted(text: str) -> None:
    assert read({**LEAST, "buffers": text}).buffers == text


@pytest.mark.parametrize("given", [*REFUSED, *UNREADABLE, 8, ["8", "16k"], {"count": 8}, b"8 16k", True])
def test_all_other_problems_are_reported_with_their_place(given: object) -> None:
    assert told({**LEAST, "BUFFERS": given}) == ['XACCEL["BUFFERS"]']


def test_the_memory_grows_with_the_product() -> None:
    assert split("16 32k") == (16, 32)
    assert [memory_kb(text) for text in ("8 4k", "8 16k", "8 64k")] == [92, 200, 632]
