"""Flask, with the site in the app's configuration."""

from __future__ import annotations

from flask import Flask, Response

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.flask import Downloads

app = Flask(__name__)
app.config["XACCEL"] = SITE
files = Downloads()
files.init_app(app)


@app.route("/download/<name>", methods=["GET", "POST"])
def download(name: str) -> Response:
    kind, arguments = decision(name)
    if kind == "deny":
        files.deny_download(**arguments)
    return files.send_file(arguments.pop("key", None), **arguments)


@app.errorhandler(InputRefused)
def refused(error: InputRefused) -> Response:
    return Response(type(error).__name__, status=400, mimetype="text/plain")
