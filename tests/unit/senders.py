"""A sender with one origin of each kind."""

from __future__ import annotations

from xaccel import HTTPOrigin, LocalOrigin, S3Origin, Sender, Site
from xaccel.site.origins import Origin

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "s"}
STORE = {"endpoint_url": "http://127.0.0.1:9000", "region": "us-east-1"}
BUCKET = "http://127.0.0.1:9000/docs/"
SECRET = "0123456789abcdef0123456789abcdef"


def sender(**origins: Origin) -> Sender:
    standard: dict[str, Origin] = {
        "docs": S3Origin(bucket="docs", cache=True, **STORE, **KEYS),
        "tenant": S3Origin(bucket="docs", prefix="tenant/", cache=True, **STORE, **KEYS),
        "web": HTTPOrigin(base_url="https://files.example/base/", cache=True),
        "deep": HTTPOrigin(base_url="https://files.example/base/deep/"),
        "disk": LocalOrigin(root="/srv"),
    }
    return Sender(Site(origins={**standard, **origins}, secrets=(SECRET,)))
