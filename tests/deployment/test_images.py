"""The scan of an image's layers finds what scripts/deploy must not let through."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.deployment.images import leaks, registry_words

LEAKS = {
    "etc/pip.conf": b"",
    "root/.netrc": b"",
    "etc/apt/auth.conf.d/own.conf": b"",
    "etc/ssl/private/snakeoil.key": b"",
    "opt/app/settings.py": b"INDEX = 'https://packages.example/simple'",
}
HARMLESS = {"etc/pip.conf.example": b"", "etc/nginx/nginx.conf": b"events {}", "usr/bin/keys": b""}


def packed(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


def test_a_planted_credential_or_registry_is_found_in_each_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://builder:not-for-you@packages.example/simple")
    words = registry_words()
    assert {b"packages.example", b"builder", b"not-for-you"} <= {*words}
    first, *others = LEAKS
    image = tmp_path / "image.tar"
    image.write_bytes(
        packed(
            {
                "1.tar": packed({first: b"", **HARMLESS}),
                "2.tar": packed({name: LEAKS[name] for name in others}),
                "config.json": b'{"Env": ["PIP_INDEX_URL=https://builder:not-for-you@x.example/"]}',
            }
        )
    )
    found = [leak.partition(" ")[::2] for leak in leaks(image, words)]
    credential, registry = "is a file for credentials", "names a registry or a credential of this machine"
    assert found == [
        *((name, credential) for name in [*LEAKS][:4]),
        ("opt/app/settings.py", registry),
        ("config.json", registry),
    ]
