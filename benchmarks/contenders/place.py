"""The storage, files and database that contenders use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DOWNLOADVIEW_INTERNAL = "/nginx-optimized-by-decorator/"
"""The internal location of django-downloadview's page on NGINX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """endpoint, region, bucket, access_key, secret_key: the storage; its objects have the names of the files.

    files: the directory with the same files. database: SQLite's file. grants: the GRANTS of the site.
    """

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str
    files: str
    database: str
    grants: Mapping[str, Any] | None = None

    def xaccel(self) -> dict[str, Any]:
        """settings.XACCEL: the bucket, the bucket with a cache, and the directory."""
        s3 = {
            "bucket": self.bucket,
            "endpoint_url": self.endpoint,
            "region": self.region,
            "addressing_style": "path",
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }
        return {
            "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
            "CACHE": {"path": "cache", "max_size": "4g"},
            "ORIGINS": {
                "s3": {"type": "s3", **s3},
                "cached": {"type": "s3", **s3, "cache": True},
                "directory": {"type": "local", "root": self.files},
            },
            **({"GRANTS": self.grants} if self.grants else {}),
        }
