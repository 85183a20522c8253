"""The minute of `scripts/example zip`, with fewer files."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from examples import run_zip
from xaccel_testing import Variant, s3_server


def test_the_minute_shows_what_it_says(
    tmp_path: Path, some_variant: Variant, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as s3:
        run_zip.run(run_zip.Minute(tmp_path, s3, some_variant, small=20))
    said = capfd.readouterr().out.splitlines()
    words = (
        "It is stored nowhere",
        "Listed 30 files",
        "the CRC-32 is right",
        "kill -9",
        "has finished it",
        "It broke",
    )
    assert [word for word, line in zip(words, said, strict=True) if word not in line] == []


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_003])
def test_the_checksum_of_zeros_is_that_of_zlib(size: int) -> None:
    assert run_zip.zeros_crc32(size) == zlib.crc32(bytes(size))
