"""The live tests' storages whose SDKs sign, the app that knows them, and an NGINX in front."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.client import Reply, ask, send_target
from tests.live.conftest import config_text
from tests.live.origin import doorkeepers
from tests.live.origin.emulators import AZURE, ROOT, azurite, fake_gcs
from tests.live.stage import line_where
from tests.servers.origin import Origin, origin_server
from tests.signatures import private_pem, service_account
from xaccel.site import read_mapping
from xaccel_testing import AppServer, NginxServer, S3Server, Variant, app_server, free_port, nginx_server

TEXT = "".join(f"line {number}\n" for number in range(2000))
NAMES = ["plain.txt", "2026/März (1).pdf", "a b/100% 'q' & #1;=~!*.bin"]
CDN = "https://cdn.acme.test/"


@dataclass
class SigningStorages:
    """All storages, what the app knows of them, and what a user must never see."""

    google: Origin
    cdn: Origin
    app: AppServer
    settings: dict[str, Any] = field(repr=False)
    traces: list[str]


@dataclass
class Delivery:
    """One NGINX in front of the app."""

    nginx: NginxServer
    storages: SigningStorages

    def get(self, storage: str, name: str = "plain.txt", method: str = "GET", **more: Any) -> Reply:
        headers = more.pop("headers", {})
        asked = {"storage": storage, "name": name, **more}
        return ask(self.nginx.port, send_target(asked), method, headers)

    def line(self, action: Callable[[str], Reply]) -> tuple[Reply, dict[str, Any]]:
        mark = secrets.token_hex(8)
        return action(mark), line_where(self.nginx, "subject", mark)


@contextmanager
def running_storages(folder: Path, s3: S3Server) -> Iterator[SigningStorages]:
    """All storages with their files, and the app. Raises ServerMissing."""
    for name in ("azurite", "azurite-tokens", "gcs", "tls", "app"):
        (folder / name).mkdir()
    bucket = f"foreign-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    for name in NAMES:
        s3.put(bucket, name, TEXT.encode(), "text/plain")
    behind: list[str] = []
    with ExitStack() as stack:
        door = stack.enter_context(origin_server(doorkeepers.google(lambda: behind[0])))
        cdn = stack.enter_context(
            origin_server(
                doorkeepers.cloudfront(CDN, TEXT.encode()),
                tls_directory=folder / "tls",
                names=("cdn.acme.test",),
            )
        )
        azure = stack.enter_context(azurite(folder / "azurite"))
        delegated = stack.enter_context(azurite(folder / "azurite-tokens", tokens=True))
        behind.append(stack.enter_context(fake_gcs(folder / "gcs", door.address)))
        made = {
            "files": dict.fromkeys(NAMES, TEXT),
            "storages": {
                "google": {
                    "BACKEND": "storages.backends.gcloud.GoogleCloudStorage",
                    "OPTIONS": {
                        "bucket_name": "acme-google",
                        "project_id": "acme",
                        "location": "tenant-a",
                        "credentials": service_account(),
                    },
                },
                "azure": {
                    "BACKEND": "storages.backends.azure_storage.AzureStorage",
                    "OPTIONS": {
                        "azure_container": "acme-azure",
                        "connection_string": azure.connection_string,
                        "location": "tenant-a",
                    },
                },
                "delegated": {
                    "BACKEND": "tests.live.origin.storage_app.Delegated",
                    "OPTIONS": {
                        "account_name": delegated.account,
                        "azure_container": "acme-delegated",
                        "custom_domain": f"{AZURE}:{delegated.port}",
                        "location": "tenant-a",
                        "client_options": {
                            "account_url": f"{delegated.url}/{delegated.account}",
                            "connection_verify": str(delegated.ca_file),
                        },
                    },
                },
                "cdn": {
                    "BACKEND": "storages.backends.s3.S3Storage",
                    "OPTIONS": {
                        "bucket_name": "acme-behind",
                        "custom_domain": "cdn.acme.test",
                        "cloudfront_key_id": "K2ACME",
                        "cloudfront_key": private_pem(),
                    },
                },
                "foreign": {
                    "BACKEND": "tests.live.origin.storage_app.Presigned",
                    "OPTIONS": {
                        "endpoint": s3.endpoint,
                        "bucket": bucket,
                        "access_key": s3.access_key,
                        "secret_key": s3.secret_key,
                    },
                },
            },
            "xaccel": {
                "ORIGINS": {
                    "google": {"storage": "google", "cache": True},
                    "azure": {"storage": "azure", "cache": True},
                    "delegated": {
                        "storage": "delegated",
                        "cache": True,
                        "connect_to": [f"127.0.0.1:{delegated.port}"],
                        "ca_file": str(delegated.ca_file),
                    },
                    "cdn": {
                        "storage": "cdn",
                        "cache": True,
                        "connect_to": [cdn.address],
                        "ca_file": str(cdn.ca_file),
                    },
                    "foreign": {
                        "type": "http",
                        "base_url": f"{s3.endpoint}/{bucket}/",
                        "cache": True,
                    },
                },
                "CACHE": {"path": "cache", "slice": "0"},
            },
        }
        (folder / "storages.json").write_text(json.dumps(made))
        environ = {
            "PATH": os.environ["PATH"],
            "LIVE_STORAGES": str(folder / "storages.json"),
            "STORAGE_EMULATOR_HOST": door.url,
            "PYTHONPATH": str(ROOT),
        }
        traces = [
            *(door.address, azure.url, cdn.address, s3.endpoint, s3.access_key, "acme-google", "acme-azure"),
            *(
                delegated.url,
                delegated.account,
                "acme-delegated",
                azure.account,
                bucket,
                "cdn.acme.test",
                "cf-secret",
                "cloudfront",
                "X-Goog",
                "sig=",
                "X-Amz",
            ),
        ]
        application = "tests.live.origin.storage_app:application"
        app = stack.enter_context(app_server(folder / "app", application, env=environ, cwd=ROOT, workers=1))
        seeded = ask(int(app.address.rpartition(":")[2]), "/seed")
        assert seeded.status == 200, app.log
        yield SigningStorages(door, cdn, app, json.loads(seeded.body), traces)


@contextmanager
def running_nginx(folder: Path, variant: Variant, storages: SigningStorages) -> Iterator[Delivery]:
    """An NGINX with the text of the site that the app's settings mean."""
    port = free_port()
    text = config_text(read_mapping.read(storages.settings), variant, storages.app.address, port)
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield Delivery(nginx, storages)
