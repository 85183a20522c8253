"""How to start it: with xaccel, with invenio-s3's redirect to the bucket, and with files on the disk of the app."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path

from integrations.application import Application, Private


def prepare(run: Callable[..., str], file: Path) -> Private:
    """Fill the app."""
    return Private(**json.loads(run("-m", "integrations.invenio.fill", str(file)).splitlines()[-1]))


BEFORE = "integrations.invenio.before"
S3 = {"STORAGE_FACTORY": "invenio_s3.s3fs_storage_factory", "LOCATION": "s3://{BUCKET}/data"}
DISK = {"STORAGE_FACTORY": "invenio_files_rest.storage.pyfs_storage_factory", "LOCATION": "{FOLDER}/data"}
APPLICATION = Application(
    packages=("invenio-files-rest", "invenio-s3", "flask"),
    application="integrations.invenio.wsgi:application",
    sides={
        "xaccel": {
            **S3,
            "APP_MODULE": "integrations.invenio.settings",
            "XACCEL_SITE": "site.toml",
            "XACCEL_SECRET": secrets.token_urlsafe(32),
        },
        "redirect": {**S3, "APP_MODULE": BEFORE},
        "local": {**DISK, "APP_MODULE": BEFORE},
    },
    prepare=prepare,
    site=Path("site.toml"),
)
