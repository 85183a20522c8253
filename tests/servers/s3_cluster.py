"""Three S3 nodes: SeaweedFS, where each object is on two of them. The last one is in a network of its own, as root."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.part import Part
from xaccel_testing.servers import ServerFailed
from xaccel_testing.servers.ports import free_ports
from xaccel_testing.servers.processes import StartedServer, private_folder, running, wait_until, write_private
from xaccel_testing.servers.s3 import remove_sockets, weed_binary

NODES = 3
BUCKET = "files"
_ROLES = ("master", "volume", "filer", "s3")
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Network:
    """A network namespace, and the addresses of both ends of its cable."""

    name: str
    here: str
    there: str

    def run(self, *command: str) -> None:
        subprocess.run(["ip", "netns", "exec", self.name, *command], check=True)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Lose all packets between here and there, without a word to either end."""
        self.run("ip", "route", "add", "blackhole", f"{self.here}/32")
        try:
            yield
        finally:
            self.run("ip", "route", "del", "blackhole", f"{self.here}/32")


@contextmanager
def network() -> Iterator[Network | None]:
    """Make a network namespace with a cable to it; None where that is not allowed."""
    name = f"xf-{secrets.token_hex(3)}"
    number = int.from_bytes(secrets.token_bytes(2))
    here, there = (f"10.{200 + number % 50}.{number % 256}.{last}" for last in (1, 2))
    if os.geteuid() != 0 or subprocess.run(["ip", "netns", "add", name], check=False).returncode:
        yield None
        return
    found = Network(name, here, there)
    try:
        cable = ("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        subprocess.run(cable, check=True)
        subprocess.run(["ip", "addr", "add", f"{here}/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        found.run("ip", "addr", "add", f"{there}/24", "dev", "eth0")
        found.run("ip", "link", "set", "eth0", "up")
        found.run("ip", "link", "set", "lo", "up")
        yield found
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


@dataclass
class S3Cluster:
    """Three running nodes. `addresses` are those of their S3 gateways. second_key: accepted like the first one."""

    nodes: list[Part[StartedServer]]
    ports: list[dict[str, tuple[int, int]]]
    hosts: list[str]
    network: Network | None
    access_key: str
    secret_key: str = field(repr=False)
    second_key: tuple[str, str] = field(repr=False)

    @property
    def addresses(self) -> list[str]:
        return [f"{host}:{ports['s3'][0]}" for host, ports in zip(self.hosts, self.ports, strict=True)]

    def client(self, number: int = 0) -> Any:
        """Return a botocore client of one node. Close it: pytest fails a test in which its sockets are collected."""
        import botocore.session
        from botocore.config import Config

        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=f"http://{self.addresses[number]}",
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=60,
                proxies={},
                s3={"addressing_style": "path"},
            ),
        )

    @contextmanager
    def without_the_first_key(self) -> Iterator[None]:
        """Revoke `access_key` on all nodes until the block ends."""
        self._accept([self.second_key])
        try:
            assert wait_until(self._refuses, timeout_s=60)
            yield
        finally:
            self._accept([(self.access_key, self.secret_key), self.second_key])

    def _accept(self, keys: Sequence[tuple[str, str]]) -> None:
        for node in self.nodes:
            write_identity(node.begin.folder, keys)  # type: ignore[attr-defined]
            node.now.server.signal(signal.SIGHUP)

    def _refuses(self) -> bool:
        """Tell whether all nodes refuse the first key."""
        for number in range(NODES):
            with closing(self.client(number)) as client:
                try:
                    client.head_bucket(Bucket=BUCKET)
                except client.exceptions.ClientError as error:
                    if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                        continue
                return False
        return True

    def put(self, key: str, content: bytes) -> None:
        with closing(self.client()) as client:
            client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def is_whole(self) -> bool:
        """Tell whether each volume is on two nodes, and each node is known to the others."""
        counted: Counter[int] = Counter()
        servers: set[str] = set()
        url = f"http://{self.hosts[0]}:{self.ports[0]['master'][0]}/vol/status"
        try:
            with urllib.request.urlopen(url, timeout=3) as response:
                centers = json.load(response)["Volumes"]["DataCenters"]
        except (OSError, ValueError):
            return False
        for center in centers.values():
            for rack in center.values():
                for server, volumes in rack.items():
                    servers.add(server)
                    counted.update(volume["Id"] for volume in volumes or ())
        return len(servers) == NODES and bool(counted) and min(counted.values()) >= 2


@contextmanager
def s3_cluster(directory: Path) -> Iterator[S3Cluster]:
    """Run three nodes until the block ends, with the bucket `files`. Raises ServerMissing or ServerFailed."""
    weed_binary()
    keys = [(secrets.token_hex(10), secrets.token_hex(20)) for _ in range(2)]
    with network() as apart:
        numbers = iter(free_ports(NODES * 2 * len(_ROLES)))
        ports = [{role: (next(numbers), next(numbers)) for role in _ROLES} for _ in range(NODES)]
        hosts = [apart.here, apart.here, apart.there] if apart else ["127.0.0.1"] * NODES
        cluster = S3Cluster([], ports, hosts, apart, *keys[0], keys[1])
        peers = ["{}:{}.{}".format(host, *found["master"]) for host, found in zip(hosts, ports, strict=True)]
        for number in range(NODES):
            folder = directory / f"s3-{number + 1}"
            write_identity(folder, keys)
            begin = _Node(folder, hosts[number], ports[number], peers, apart if number == 2 else None)
            cluster.nodes.append(Part(f"s3-{number + 1}", begin))
        try:
            with ThreadPoolExecutor(NODES) as at_once:  # they elect a leader, so none is ready alone
                list(at_once.map(Part.start, cluster.nodes))
            if not wait_until(lambda: _has_bucket(cluster), timeout_s=60, every_s=0.2):
                raise ServerFailed("it takes no objects", where="s3", remedy="Look at the logs of its nodes.")
            yield cluster
        finally:
            for node, taken in zip(cluster.nodes, ports, strict=True):
                node.stop()
                remove_sockets(taken)


@dataclass(frozen=True, slots=True)
class _Node:
    """Start one node."""

    folder: Path
    host: str
    ports: Mapping[str, tuple[int, int]]
    peers: Sequence[str]
    network: Network | None

    def __call__(self) -> Any:
        apart = ["ip", "netns", "exec", self.network.name] if self.network else []
        numbers = [
            option
            for role, (port, grpc) in self.ports.items()
            for option in (f"-{role}.port={port}", f"-{role}.port.grpc={grpc}")
        ]
        return _started(
            [
                *(
                    *apart,
                    str(weed_binary()),
                    "server",
                    "-dir=data",
                    f"-ip={self.host}",
                    f"-ip.bind={self.host}",
                ),
                *("-filer", "-s3", "-s3.config=s3.json", *numbers, "-s3.port.iceberg=0", "-s3.port.lance=0"),
                *("-s3.localSocket=s3.sock", "-filer.localSocket=filer.sock", "-volume.preStopSeconds=0"),
                *("-volume.max=50", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"),
                *(f"-master.peers={','.join(self.peers)}", "-master.electionTimeout=2s"),
                *("-master.defaultReplication=001", "-filer.defaultReplicaPlacement=001"),
            ],
            self.folder,
            lambda _: _connects(self.host, self.ports["s3"][0]),
        )


@contextmanager
def _started(command: Sequence[str], folder: Path, ready: Any) -> Iterator[StartedServer]:
    home = {"HOME": str(folder), "TMPDIR": str(folder / "tmp")}
    with ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            started = running(
                command,
                name="s3",
                directory=folder,
                ready=ready,
                env=home,
                start_within_s=60,
                stop_within_s=0.5,
            )
            try:
                server = stack.enter_context(started)
                break
            except ServerFailed:
                # a filer ends if another filer is known and does not listen yet
                if attempt == _ATTEMPTS:
                    raise
        yield StartedServer(server=server)


def write_identity(folder: Path, keys: Sequence[tuple[str, str]]) -> None:
    """Write the credentials that a node accepts."""
    for path in (folder, folder / "data", folder / "tmp"):
        private_folder(path)
    identity = {
        "name": "owner",
        "credentials": [{"accessKey": access, "secretKey": secret} for access, secret in keys],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    write_private(folder / "s3.json", json.dumps({"identities": [identity]}))


def _connects(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _has_bucket(cluster: S3Cluster) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    with closing(cluster.client()) as client:
        try:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
    return cluster.is_whole()
