"""Downloads from a private bucket, with Flask: `scripts/example flask`."""

from flask import Flask, Response, request

from xaccel.flask import Downloads

app = Flask(__name__)
files = Downloads("site.toml")


@app.get("/files/<path:key>")
def download(key: str) -> Response:
    user = request.args.get("user", "")  # in your app: who is signed in
    if not user or key.partition("/")[0] != user:
        files.deny_download(subject=user, key=key, reason="not the owner")
    return files.send_file(key, as_attachment=True, subject=user)
