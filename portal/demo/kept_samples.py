"""Samples that are in the bucket already, when a folder is used again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from portal.demo.bucket import Stored, store
from portal.demo.samples import samples
from xaccel_testing import S3Server


def kept_or_stored(
    folder: Path, s3: S3Server, bucket: str, large_bytes: int, say: Callable[[str], None]
) -> tuple[Stored, ...]:
    """Return all samples, stored in the bucket by this run or by an earlier one that came to its end.

    The largest has at least `large_bytes`.
    """
    note, wanted = folder / "samples.json", list(samples(large_bytes))
    if note.exists():
        kept = json.loads(note.read_text())
        files = kept["files"]
        if kept["large_bytes"] >= large_bytes and files.keys() == {sample.key for sample in wanted}:
            say("The sample files are there already.")
            return tuple(Stored(sample, *files[sample.key]) for sample in wanted)
        note.unlink()
    say("Making the sample files and storing them …")
    stored = store(wanted, s3, bucket, folder / "samples", say)
    files = {found.sample.key: (found.size, found.sha256) for found in stored}
    note.write_text(json.dumps({"large_bytes": large_bytes, "files": files}))
    return stored
