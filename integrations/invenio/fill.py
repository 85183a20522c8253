"""Fill the app: a bucket with a file, whose owner a header names."""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from invenio_db import db
from invenio_files_rest.models import Bucket, Location, ObjectVersion

from integrations.invenio.before import create_app

FILENAME = "Résumé 2026 – Übersicht 日本.zip"
HERE = Path(__file__).parent

site = (HERE / "site.toml").read_text().replace("acme-files", os.environ["BUCKET"])
Path("site.toml").write_text(site.replace("/var/log/xaccel/transfers.log", "xaccel.log"))
with create_app().app_context():
    db.create_all()
    db.session.add(Location(name="default", uri=os.environ["LOCATION"].format(**os.environ), default=True))
    db.session.commit()
    bucket = Bucket.create()
    db.session.commit()
    source = Path(sys.argv[1])
    with source.open("rb") as content:
        file = ObjectVersion.create(bucket, FILENAME, stream=content, size=source.stat().st_size)
    db.session.commit()
    print(
        json.dumps(
            {
                "path": f"/files/{file.bucket_id}/{quote(file.key)}?download",
                "filename": FILENAME,
                "owner": {"X-User": "owner"},
                "stranger": {"X-User": "stranger"},
                "page": "/buckets",
                "pages": [f"/files/{file.bucket_id}"],
            }
        )
    )
