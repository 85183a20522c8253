"""The site of the unit tests of uploads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.servers.origin import Answer, Request, origin_server
from xaccel import Sender
from xaccel.site import Site, read_mapping

SECRET = "0123456789abcdef0123456789abcdef"
ORIGINS: dict[str, Any] = {
    "documents": {
        "type": "s3",
        "bucket": "acme",
        "region": "eu-central-1",
        "endpoint_url": "http://127.0.0.1:9000",
        "access_key": "a",
        "secret_key": "s",
    },
    "disk": {"type": "local", "root": "/srv"},
    "partner": {"type": "http", "base_url": "https://files.example/"},
}
UPLOADS = {"app": "unix:/run/app.sock", "paths": ["/files/"], "origins": ["documents"]}


def site(**uploads: Any) -> Site:
    return read_mapping.read({"SECRET": SECRET, "ORIGINS": ORIGINS, "UPLOADS": {**UPLOADS, **uploads}})


@contextmanager
def storage(answer: Callable[[Request], Answer]) -> Iterator[Sender]:
    with origin_server(answer) as server:
        documents = {**ORIGINS["documents"], "endpoint_url": server.url}
        mapping = {"SECRET": SECRET, "ORIGINS": {"documents": documents}, "UPLOADS": UPLOADS}
        yield Sender(read_mapping.read(mapping))
