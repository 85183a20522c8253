"""Sample files on their way into the bucket: made, measured and stored one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from portal.demo.samples import Sample, samples
from xaccel_testing import S3Server


@dataclass(frozen=True, slots=True)
class Stored:
    """A sample in the bucket. `size` in bytes, `sha256` in hexadecimal."""

    sample: Sample
    size: int
    sha256: str


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
    # an earlier run in the same folder may have been stopped half-way
    with suppress(s3.client().exceptions.BucketAlreadyOwnedByYou, s3.client().exceptions.BucketAlreadyExists):
        s3.create_bucket(bucket)
    stored = tuple(_store(wanted, s3, bucket, folder / "sample", say))
    files = {found.sample.key: (found.size, found.sha256) for found in stored}
    note.write_text(json.dumps({"large_bytes": large_bytes, "files": files}))
    return stored


def _store(
    wanted: list[Sample], s3: S3Server, bucket: str, file: Path, say: Callable[[str], None]
) -> Iterator[Stored]:
    """Make each sample as `file`, store it in the bucket and remove the file; `say` gets the name of each."""
    for sample in wanted:
        digest, size = sha256(), 0
        with file.open("wb") as out:
            for block in sample.blocks():
                digest.update(block)
                size += len(block)
                out.write(block)
        s3.put(bucket, sample.key, file)
        file.unlink()
        yield Stored(sample, size, digest.hexdigest())
        say(f"  stored {readable(size):>9}  {sample.name}")


def readable(size: float) -> str:
    """Format a number of bytes: `1.6 KB`."""
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
