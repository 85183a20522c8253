"""A worker of an app, in a process of its own: which modules of xaccel it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.groups import ROOT

WORKER = """
import sys
import django
from django.conf import settings
settings.configure(
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    SECRET_KEY="0123456789" * 5,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.auth", "xaccel.django", "xaccel.audit", *sys.argv[3:4],
    ],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    XACCEL={
        "ORIGINS": {"documents": {"type": "s3", "bucket": "acme", "access_key": "a", "secret_key": "s", "region": "r"}},
        "TRANSFER_LOG": "/var/log/xaccel.log",
        **({"UPLOADS": {"origins": ["documents"], "paths": ["/up/"], "app": "127.0.0.1:1"}} if sys.argv[3:] else {}),
    },
)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory
from django.urls import path
from xaccel.django import send_file
urlpatterns = [path("file", lambda request: send_file(request, "a.txt"))]
if sys.argv[3:]:
    from xaccel.django.conf import configuration
    from xaccel.django.uploads.receive import receive_file
    from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_TOKEN_HEADER
    from xaccel.site.keys import nginx_token
    urlpatterns.append(path("up/", lambda request: receive_file(request, "documents", max_size="1m")))
if sys.argv[2] == "migrate":
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    sys.exit()

def send(environ):
    said = []
    get_wsgi_application()(environ, lambda *head: said.append(head))
    return said[0]

status, headers = send(RequestFactory().get("/file").environ)
assert status == "200 OK" and dict(headers)["X-Accel-Redirect"], (status, headers)
if sys.argv[3:]:
    token = nginx_token(configuration().site.secrets[0], UPLOAD_ASK)
    asked = {UPLOAD_TOKEN_HEADER: token, "Xaccel-Upload-Length": "9"}
    status, headers = send(RequestFactory(headers=asked).put("/up/").environ)
    assert status == "204 No Content" and dict(headers)["Xaccel-Url"], (status, headers)
print(*(name for name in sys.modules if name.partition(".")[0] == "xaccel"))
"""


def loaded(folder: Path, *apps: str) -> set[str]:
    """Return the modules of xaccel in a worker that did what a worker with these apps does, and no command."""

    def run(step: str) -> str:
        command = [sys.executable, "-c", WORKER, str(folder / "db.sqlite3"), step, *apps]
        return subprocess.check_output(command, text=True, cwd=ROOT)

    run("migrate")
    found = {*run("work").split()}
    assert "xaccel.audit.record" in found
    for name in ("tools", "audit.ingest"):
        assert f"xaccel.{name}" not in found, sorted(found)
    return found
