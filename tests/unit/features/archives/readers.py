"""Build archives with their contents, and read them with programs that users have."""

from __future__ import annotations

import io
import os
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xaccel import ObjectRef
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember


def member(name: str | None = None, content: bytes = b"", **more: Any) -> ZipMember:
    """Return a member with this content. `more` replaces what it says of the content."""
    given = {"size": len(content), "crc32": zlib.crc32(content), "etag": "e1"} | more
    return ZipMember(ObjectRef("docs", f"keys/{name}"), name=name, **given)


def write(layout: Layout, contents: Sequence[bytes], first: int = 0, end: int | None = None) -> bytes:
    """Return the bytes [first, end) of the archive, as NGINX makes them."""
    pieces = layout.pieces(first, layout.size if end is None else end)
    return b"".join(
        piece if isinstance(piece, bytes) else contents[piece.number][piece.first : piece.end]
        for piece in pieces
    )


def write_sparse(layout: Layout, path: Path) -> None:
    """Write an archive whose contents are holes, so that gigabytes take no room."""
    with path.open("wb") as file:
        for piece in layout.pieces(0, layout.size):
            if isinstance(piece, bytes):
                file.write(piece)
            else:
                file.seek(piece.end - piece.first, io.SEEK_CUR)


GO = """
package main
import ("archive/zip"; "fmt"; "io"; "os")
func main() {
    archive, err := zip.OpenReader(os.Args[1])
    if err != nil { panic(err) }
    for _, file := range archive.File {
        if len(os.Args) < 3 {
            content, err := file.Open()
            if err != nil { panic(err) }
            if _, err = io.Copy(io.Discard, content); err != nil { panic(err) }
        }
        fmt.Print(file.Name, "\\x00")
    }
}
"""
JAVA = """
import java.util.zip.*;
class Read {
    public static void main(String[] arguments) throws Exception {
        var out = new java.io.PrintStream(System.out, false, "UTF-8");
        try (var archive = new ZipFile(arguments[0])) {
            for (var entry : java.util.Collections.list(archive.entries())) {
                if (arguments.length < 2) {
                    var sum = new CRC32();
                    sum.update(archive.getInputStream(entry).readAllBytes());
                    if (sum.getValue() != entry.getCrc()) throw new Exception(entry.getName());
                }
                out.print(entry.getName() + "\\0");
            }
        }
        if (arguments.length < 2) {
            try (var stream = new ZipInputStream(new java.io.FileInputStream(arguments[0]))) {
                while (stream.getNextEntry() != null) stream.readAllBytes();
            }
        }
        out.flush();
    }
}
"""
TESTS = {
    "unzip": ["unzip", "-tqq"],
    "zipinfo": ["zipinfo", "-t"],
    "7z": ["7z", "t", "-bso0"],
    "bsdtar": ["bsdtar", "-xOf"],
    "python3": ["python3", "-m", "zipfile", "-t"],
}
"""Commands that read each member of an archive, and fail if one is damaged."""


def run(command: Sequence[str | Path], allowed: Sequence[int] = (0,)) -> bytes:
    """Return the output of a reader, which ends with one of the `allowed` statuses."""
    done = subprocess.run(
        command, capture_output=True, timeout=600, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert done.returncode in allowed, (command, done.stdout[-500:], done.stderr[-500:])
    return done.stdout


def names_of(output: bytes) -> Iterator[str]:
    """Yield the names that `GO` and `JAVA` print."""
    yield from output.decode().split("\0")[:-1]
