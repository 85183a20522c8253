"""Flask: a first download, through Flask's own test client."""

from __future__ import annotations

from flask import Flask, Response

from xaccel.flask import Downloads

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
app = Flask(__name__)
files = Downloads({"SECRET": "0123456789-abcdefghijklmnopqrstuv", "ORIGINS": {"partner": PARTNER}})


@app.get("/download")
def download() -> Response:
    return files.send_file("a b.pdf", as_attachment=True, etag="v1")


client = app.test_client()
answer = client.get("/download")
assert (answer.status_code, answer.data) == (200, b"")
assert answer.headers["X-Accel-Redirect"] == "/_xaccel/partner"
assert answer.headers["Xaccel-Url"] == "http://192.0.2.1/a%20b.pdf"
assert client.get("/download", headers={"If-None-Match": '"v1"'}).status_code == 304
