"""A ZIP of many private files that is stored nowhere, with Flask: `scripts/example zip`."""

import json
from pathlib import Path

from flask import Flask, Response, request

from xaccel import ObjectRef, ZipMember
from xaccel.flask import Downloads

HERE = Path(__file__).parent
app = Flask(__name__)
files = Downloads("site.json")
files.init_app(app)  # responds to NGINX, which asks for the members of an archive


def may_have(user: str, _: ObjectRef) -> bool:
    return not (HERE / "revoked" / user).exists()  # in your app: its rule for this user and this object


@app.get("/zip/<name>")
def download(name: str) -> Response:
    user = request.args.get("user", "")  # in your app: who is signed in
    if not user or (HERE / "revoked" / user).exists():
        files.deny_download(subject=user, reason="not allowed")
    rows = json.loads((HERE / f"{name}.json").read_text())  # in your app: its database
    members = [
        ZipMember(ObjectRef(origin, key), size=size, crc32=crc32, etag=etag)
        for origin, key, size, crc32, etag in rows
    ]
    return files.send_zip(members, filename=f"{name}.zip", subject=user, check=may_have)
