"""Without any framework: hand-offs, and the command that prints NGINX's text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from xaccel import ConfigError, HTTPOrigin, LocalOrigin, ObjectRef, Options, S3Origin, Sender, Site

site = Site(
    origins={
        "partner": HTTPOrigin(base_url="https://files.partner.example/exports/"),
        "media": LocalOrigin(root="/srv/media"),
        "bucket": S3Origin(bucket="acme-documents", region="eu-central-1"),
    },
    secrets=("0123456789-abcdefghijklmnopqrstuv",),
)
sender = Sender(site)
headers = dict(sender.hand_off(ObjectRef("partner", "a b.pdf"), options=Options(as_attachment=True)).headers)
assert headers["Xaccel-Url"] == "https://files.partner.example/exports/a%20b.pdf", headers
assert headers["Xaccel-Disposition"] == 'attachment; filename="a b.pdf"', headers
headers = dict(sender.hand_off(ObjectRef("media", "a b.pdf")).headers)
assert headers["X-Accel-Redirect"] == "/_xaccel/media/a%20b.pdf", headers

try:
    sender.hand_off(ObjectRef("bucket", "a.pdf"))
except ConfigError as error:
    assert "pip install botocore" in str(error), error
else:
    raise AssertionError("an S3 origin without botocore must say what to install")

SITE = """
secret = "0123456789-abcdefghijklmnopqrstuv"
[origins.media]
type = "local"
root = "/srv/media"
"""
Path("site.toml").write_text(SITE, encoding="utf-8")
wanted = ["config", "site.toml", "--nginx-version", "1.26.3", "--module", "njs"]
commands = [
    [sys.executable, "-I", "-m", "xaccel", *wanted],
    [str(Path(sys.executable).with_name("xaccel")), *wanted],
]
printed = [subprocess.run(each, capture_output=True, text=True, check=True).stdout for each in commands]
assert printed[0] == printed[1]
assert "For hand-off protocol 1;" in printed[0]
assert "location ^~ /_xaccel/media/ {" in printed[0]

whole = subprocess.run([*commands[0], "--standalone"], capture_output=True, text=True, check=True).stdout
script = whole.partition("js_import xaccel from ")[2].partition(";")[0].strip('"')
assert Path(script).read_text(encoding="utf-8"), "the printed text names a script that is there"
