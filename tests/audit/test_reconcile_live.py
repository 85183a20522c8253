"""SeaweedFS's own audit log against the trail, behind NGINX: every transfer is matched or explained."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import Log, take
from tests.audit.live_site import in_processes
from tests.audit.reconciling import reconcile
from tests.live.client import Reply, ask
from tests.live.conftest import build_of
from xaccel.audit.models import Transfer
from xaccel_testing import NginxServer, Variant, s3_server
from xaccel_testing.servers.processes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # with slices and njs, and without: each of them starts a storage of its own
    pytest.mark.variants("deb-njs", "wheel"),
]

BUCKET, KEY = "reconciled", "a b/ü%20+.bin"
BODY = bytes(range(250)) * 12
"""3,000 bytes: three slices where NGINX has slices."""


class Collector(socketserver.ThreadingTCPServer):
    """Receive what SeaweedFS sends to Fluentd, as JSON, and write the records to a file: as `fluent-bit` does."""

    daemon_threads = True

    def __init__(self, file: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Messages)
        self.file, self.lock = file, threading.Lock()


class _Messages(socketserver.BaseRequestHandler):
    server: Collector

    def handle(self) -> None:
        decoder, text = json.JSONDecoder(), ""
        while block := self.request.recv(65536):
            text += block.decode()
            while text:
                try:
                    (_, _, record, *_), end = decoder.raw_decode(text)
                except json.JSONDecodeError:
                    break
                text = text[end:]
                with self.server.lock, self.server.file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")


@contextmanager
def collector(file: Path) -> Iterator[int]:
    with Collector(file) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@dataclass
class Site:
    """A site on SeaweedFS, and the storage's log."""

    nginx: NginxServer
    settings: dict[str, Any]
    log: Path
    before: int = 0
    """Entries of the storage's log when the test began."""

    def get(self, origin: str, method: str = "GET", headers: Any = (), **query: str) -> Reply:
        asked = "&".join(f"{name}={value}" for name, value in {"origin": origin, **query}.items())
        return ask(self.nginx.port, f"/send?key=a%20b/%C3%BC%2520%2B.bin&{asked}", method, headers)

    def verdicts(self, transfers: int) -> tuple[list[str], str]:
        """The verdicts in the order of this test's transfers, and what was printed, once NGINX has logged so many."""
        assert wait_until(
            lambda: sum(line["id"] in ours() for line in self.nginx.lines()) >= transfers, timeout_s=60
        )
        take(Log(self.nginx.directory / "xaccel.log"))
        found, said = reconcile(self.log, grace="0h")
        return [found[id_] for id_ in sorted(ours())], said

    def entries(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def wait_for(self, requests: int) -> None:
        """Wait for so many requests of NGINX in the storage's log."""
        assert wait_until(
            lambda: sum("xaccel t=" in entry for entry in self.entries()[self.before :]) >= requests,
            timeout_s=60,
        ), self.entries()


def ours() -> set[str]:
    """The transfers of this test; log entries of earlier tests have no decision."""
    return {
        str(id_) for id_ in Transfer.objects.filter(decided_at__isnull=False).values_list("id", flat=True)
    }


@pytest.fixture(scope="module")
def running(
    variant: Variant, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(f"reconcile-{variant.name}")
    log = folder / "storage.jsonl"
    with collector(log) as collector_port:
        fluent = {"fluent_host": "127.0.0.1", "fluent_port": collector_port, "marshal_as_json": True}
        (folder / "fluent.json").write_text(json.dumps(fluent))
        with s3_server(folder / "s3", arguments=[f"-s3.auditLogConfig={folder / 'fluent.json'}"]) as s3:
            s3.create_bucket(BUCKET)
            s3.put(BUCKET, KEY, BODY)
            documents = s3.origin(BUCKET)
            settings: dict[str, Any] = {
                "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
                "ORIGINS": {
                    "documents": documents,
                    "cached": {**documents, "cache": True},
                },
                "CACHE": {"path": "cache", "max_size": "16m", "slice": "1k"},
            }
            with in_processes(folder, variant, settings, workers=1) as nginx:
                yield Site(nginx, settings, log)


@pytest.fixture
def site(running: Site, settings: Any) -> Site:
    settings.XACCEL = running.settings
    return replace(running, before=len(running.entries()))


def test_every_transfer_is_matched_or_explained(site: Site) -> None:
    tag = site.get("documents").one("ETag")
    answers = [
        site.get("documents"),
        site.get("documents", headers={"Range": "bytes=10-19"}),
        site.get("cached", cache_version="v1"),
        site.get("cached", cache_version="v1"),
        site.get("documents", etag="mine", headers={"If-None-Match": '"mine"'}),
        site.get("documents", "HEAD"),
        # The last one reaches the storage: later transfers than the second of its log's last entry are not compared.
        site.get("documents", headers={"If-None-Match": tag}),
    ]
    assert [answer.status for answer in answers] == [200, 206, 200, 200, 304, 200, 304]
    site.wait_for(6)
    found, said = site.verdicts(7)
    by_app = "explained: 304 or 412 by the app, or refused by NGINX"
    assert found == [*["matched"] * 4, "explained: from the cache", by_app, "matched", "matched"], said
    assert "0 contradictions" in said


def test_slices_have_the_id_of_the_transfer_that_needed_them(site: Site, variant: Variant) -> None:
    """Without slices NGINX passes the range on, and fetches the whole for the second transfer."""
    query = {"cache_version": "v2", "size": str(len(BODY))}
    site.get("cached", headers={"Range": "bytes=0-1500"}, **query)
    site.get("cached", **query)
    site.wait_for(3 if "slice" in build_of(variant).modules else 2)
    found, said = site.verdicts(2)
    assert found == ["matched"] * 2, said
