"""Sample files on their way into the bucket: made, measured and stored one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from portal.demo.samples import Sample
from xaccel_testing import S3Server


@dataclass(frozen=True, slots=True)
class Stored:
    """A sample in the bucket. `size` in bytes, `sha256` in hexadecimal."""

    sample: Sample
    size: int
    sha256: str


def store(
    samples: Iterable[Sample], s3: S3Server, bucket: str, folder: Path, say: Callable[[str], None]
) -> tuple[Stored, ...]:
    """Make each sample in `folder`, store it in the bucket and remove the file; `say` gets the name of each."""
    # an earlier run in the same folder may have been stopped half-way
    with suppress(s3.client().exceptions.BucketAlreadyOwnedByYou, s3.client().exceptions.BucketAlreadyExists):
        s3.create_bucket(bucket)
    folder.mkdir(exist_ok=True)
    file = folder / "sample"
    found = []
    for sample in samples:
        digest, size = sha256(), 0
        with file.open("wb") as out:
            for block in sample.blocks():
                digest.update(block)
                size += len(block)
                out.write(block)
        s3.put(bucket, sample.key, file)
        file.unlink()
        found.append(Stored(sample, size, digest.hexdigest()))
        say(f"  stored {readable(size):>9}  {sample.name}")
    folder.rmdir()
    return tuple(found)


def readable(size: float) -> str:
    """Format a number of bytes: `1.6 KB`."""
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
