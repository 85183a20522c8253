"""The sample files."""

from __future__ import annotations

import hashlib

from portal.demo.samples import LARGE_BYTES, samples
from xaccel.handoff.disposition import safe_name


def _digests() -> dict[str, str]:
    return {
        sample.name: hashlib.sha256(b"".join(sample.blocks())).hexdigest() for sample in samples(3_000_000)
    }


def test_every_run_makes_the_same_and_no_two_samples_are_alike() -> None:
    first = _digests()
    assert _digests() == first
    assert len(set(first.values())) == len(first)


def test_sample_names_have_the_characters_that_break_downloads() -> None:
    names = [sample.name for sample in samples()]
    together = "".join(names)
    assert all(character in together for character in ' "%#+')
    assert not together.isascii()
    assert all(safe_name(name) == name for name in names)
    assert LARGE_BYTES >= 300_000_000
