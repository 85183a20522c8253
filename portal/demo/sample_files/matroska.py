"""The container of WebM (RFC 9559): one video track, one cluster a second, an index."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator


def webm(
    clusters: Iterable[Iterable[tuple[int, bytes]]], *, size: tuple[int, int], seconds: int
) -> Iterator[bytes]:
    """Yield a WebM file of VP8 key frames.

    `clusters` gives for each second the frames with their time in milliseconds from its start; `size` is width and
    height in pixels. The index needs the positions of all clusters, so it comes at the end. The header needs the
    position of the index, so the whole file is in memory until it is complete.
    """
    info = _element(
        0x1549A966,
        _number(0x2AD7B1, 1_000_000)
        + _element(0x4489, struct.pack(">d", seconds * 1000))
        + _element(0x4D80, b"xaccel")
        + _element(0x5741, b"xaccel"),
    )
    video = _number(0xB0, size[0]) + _number(0xBA, size[1])
    track = _element(
        0xAE,
        _number(0xD7, 1)
        + _number(0x73C5, 1)
        + _number(0x9C, 0)
        + _element(0x86, b"V_VP8")
        + _number(0x83, 1)
        + _element(0xE0, video),
    )
    tracks = _element(0x1654AE6B, track)
    head_size = len(_seek_head(0, 0, 0))
    cues = b""
    written: list[bytes] = []
    position = head_size + len(info) + len(tracks)
    for second, frames in enumerate(clusters):
        blocks = b"".join(
            _element(0xA3, b"\x81" + struct.pack(">hB", time_ms, 0x80) + frame) for time_ms, frame in frames
        )
        cluster = _element(0x1F43B675, _number(0xE7, second * 1000) + blocks)
        place = _number(0xF7, 1) + _number(0xF1, position)
        cues += _element(0xBB, _number(0xB3, second * 1000) + _element(0xB7, place))
        written.append(cluster)
        position += len(cluster)
    head = _seek_head(head_size, head_size + len(info), position)
    body = b"".join([head, info, tracks, *written, _element(0x1C53BB6B, cues)])
    yield _element(
        0x1A45DFA3,
        _number(0x4286, 1)
        + _number(0x42F7, 1)
        + _number(0x42F2, 4)
        + _number(0x42F3, 8)
        + _element(0x4282, b"webm")
        + _number(0x4287, 2)
        + _number(0x4285, 2),
    )
    yield _element(0x18538067, body)


def _seek_head(info: int, tracks: int, cues: int) -> bytes:
    entries = ((0x1549A966, info), (0x1654AE6B, tracks), (0x1C53BB6B, cues))
    return _element(
        0x114D9B74,
        b"".join(
            # eight bytes whatever the number, so that the length of the list is known before its numbers
            _element(0x4DBB, _element(0x53AB, _id(kind)) + _element(0x53AC, struct.pack(">Q", place)))
            for kind, place in entries
        ),
    )


def _id(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _element(kind: int, content: bytes) -> bytes:
    return _id(kind) + struct.pack(">Q", len(content) | 1 << 56) + content


def _number(kind: int, value: int) -> bytes:
    return _element(kind, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))
