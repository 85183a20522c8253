"""The minute of `scripts/example zip`: what an archive that is stored nowhere can do, on real servers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xaccel.features.archives.crc import combine, file_etag
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx import probe, standalone
from xaccel_testing import AppServer, NginxServer, S3Server, Variant, app_server, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until

HERE = Path(__file__).resolve().parent / "zip"
GIB = 1 << 30
USER = "user=ann"
Row = tuple[str, str, int, int, str]
"""Origin, key, size, CRC-32, entity tag: what an app has in its database."""


@dataclass
class Minute:
    """The servers of the example.

    huge_bytes: of each of ten sparse files. small: objects in the bucket. slow: bytes of the download that is broken.
    """

    folder: Path
    s3: S3Server
    variant: Variant
    huge_bytes: int = 100 * GIB
    small: int = 200
    slow: int = 48 << 20
    port: int = field(default_factory=free_port)
    app_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.project = Path(shutil.copytree(HERE, self.folder / "project"))
        for name in ("revoked", "media"):
            (self.project / name).mkdir()
        bucket = {
            "type": "s3",
            "bucket": "documents",
            "endpoint_url": self.s3.endpoint,
            "region": "us-east-1",
        }
        self.settings: dict[str, Any] = {
            "SECRET": secrets.token_urlsafe(32),
            "ORIGINS": {
                "documents": {
                    **bucket,
                    "access_key": self.s3.access_key,
                    "secret_key": self.s3.secret_key,
                },
                "media": {"type": "local", "root": str(self.project / "media")},
            },
            "ARCHIVES": {
                "app": f"127.0.0.1:{self.app_port}",
                "listen": f"127.0.0.1:{free_port()}",
                "layouts": str(self.project / "layouts"),
            },
        }
        (self.project / "site.json").write_text(json.dumps(self.settings))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/zip"

    @property
    def site(self) -> Site:
        return read_mapping.read(self.settings)

    def select(self, name: str, rows: list[Row]) -> None:
        (self.project / f"{name}.json").write_text(json.dumps(rows))

    def store(self, key: str, content: bytes) -> Row:
        """Store an object in the bucket."""
        etag = self.s3.client().put_object(Bucket="documents", Key=key, Body=content)["ETag"]
        return "documents", key, len(content), zlib.crc32(content), etag

    def sparse(self, key: str, size: int) -> Row:
        """Make a file of zeros that needs no disk. The CRC-32 is that of two halves, again and again."""
        file = self.project / "media" / key
        file.touch()
        os.truncate(file, size)
        return "media", key, size, zeros_crc32(size), file_etag(file.stat())

    @contextmanager
    def servers(self, name: str) -> Iterator[tuple[NginxServer, AppServer]]:
        """Run the app and NGINX, at the same addresses each time."""
        build = probe(self.variant.binary, njs=self.variant.njs, headers_more=False)
        user = "root" if os.geteuid() == 0 else None
        listen, app_address = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.app_port}"
        text = standalone(self.site, build, listen=listen, app=app_address, root_user=user)
        with (
            app_server(self.folder / f"app-{name}", "app:app", cwd=self.project, port=self.app_port) as app,
            nginx_server(
                self.folder / f"nginx-{name}", text, binary=self.variant.binary, ready_port=self.port
            ) as nginx,
        ):
            yield nginx, app


def zeros_crc32(size: int) -> int:
    """Return the CRC-32 of zeros, without reading them."""
    if size <= 1 << 20:
        return zlib.crc32(bytes(size))
    half = zeros_crc32(size // 2)
    twice = combine(half, half, size // 2)
    return zlib.crc32(b"\0", twice) if size % 2 else twice


def run(minute: Minute) -> None:
    """Do and print everything. Raises AssertionError if something is not as it says."""
    minute.s3.create_bucket("documents")
    small = [
        minute.store(f"reports/{number:03}.txt", f"report {number}\n".encode() * 90)
        for number in range(minute.small)
    ]
    huge = [minute.sparse(f"{number}.tape", minute.huge_bytes) for number in range(10)]
    minute.select("all", [*small, *huge])
    content = secrets.token_bytes(minute.slow // 200)
    minute.select("slow", [minute.store(f"slow/{number}.bin", content) for number in range(200)])
    with minute.servers("first") as (nginx, app):
        read_one_of_a_terabyte(minute)
        expected = sha256_of(f"{minute.url}/slow?{USER}")
        file = minute.folder / "slow.zip"
        end_all_while_it_comes(minute, file, [*nginx.pids, *app.pids])
    with minute.servers("second"):
        wget = ["wget", "--quiet", "--continue", "--output-document", str(file), f"{minute.url}/slow?{USER}"]
        subprocess.run(wget, check=True, timeout=300)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == expected
        say(
            f"wget --continue has finished it: the SHA-256 is that of an uninterrupted download, {expected[:16]}…"
        )
        revoke_while_it_comes(minute)


def read_one_of_a_terabyte(minute: Minute) -> None:
    """Show the length, list the archive while the storage hangs, and read one member."""
    url = f"{minute.url}/all?{USER}"
    began = time.monotonic()
    asked = urllib.request.Request(url, method="HEAD")  # noqa: S310  (http, of this machine)
    with urllib.request.urlopen(asked) as head:  # noqa: S310
        size = int(head.headers["Content-Length"])
    say(
        f"The archive has {size:,} bytes, known after {time.monotonic() - began:.2f} s. It is stored nowhere."
    )
    minute.s3.server.signal(signal.SIGSTOP)
    try:
        remote, archive = remote_zip()["open_archive"](url, {})
        names = archive.namelist()
        say(f"Listed {len(names)} files while the S3 server is stopped (SIGSTOP): no byte of a file is read.")
    finally:
        minute.s3.server.signal(signal.SIGCONT)
    assert size > 10 * minute.huge_bytes
    name = names[minute.small // 2]
    text = remote_zip()["read_member"](remote, archive.getinfo(name))
    assert zlib.crc32(text) == archive.getinfo(name).CRC
    say(
        f"Read {name} by one request: {text.splitlines()[0].decode()!r}, {len(text)} bytes, the CRC-32 is right."
    )


def remote_zip() -> dict[str, Any]:
    """Return the functions of the documentation's page "ZIP archives"."""
    page = HERE.parents[1] / "docs/reference/archives.md"
    [code] = re.findall(r"```python\n# remote_zip\.py\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  (of this repository)
    return names


def end_all_while_it_comes(minute: Minute, file: Path, pids: list[int]) -> None:
    command = ["wget", "--quiet", "--tries=1", f"--limit-rate={minute.slow // 16}", "-O", str(file)]
    client = subprocess.Popen([*command, f"{minute.url}/slow?{USER}"])
    assert wait_until(lambda: file.exists() and file.stat().st_size > minute.slow // 16, timeout_s=60)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert client.wait(120) != 0
    say(f"Ended NGINX and the app by kill -9, after {file.stat().st_size:,} of {minute.slow:,} bytes.")


def revoke_while_it_comes(minute: Minute) -> None:
    file = minute.folder / "revoked.zip"
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--limit-rate",
        str(minute.slow // 16),
        "--output",
        str(file),
    ]
    client = subprocess.Popen([*command, f"{minute.url}/slow?user=bob"], stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: file.exists() and file.stat().st_size > 0, timeout_s=60)
    (minute.project / "revoked" / "bob").touch()
    _, error = client.communicate(timeout=300)
    assert client.returncode == 18, error
    assert not zipfile.is_zipfile(io.BytesIO(file.read_bytes()))
    say(f"Revoked bob's permission while his download ran. It broke: {error.strip()}")


def sha256_of(url: str) -> str:
    digest = hashlib.sha256()
    with urllib.request.urlopen(url) as response:  # noqa: S310
        while block := response.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def say(text: str) -> None:
    print(text, flush=True)
