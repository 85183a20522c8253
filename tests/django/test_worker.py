"""A worker of an app loads what it uses: no command, no doctor, no generator of NGINX's configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.runs import ROOT

WORKER = """
import sys
import django
from django.conf import settings
settings.configure(
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    SECRET_KEY="0123456789" * 5,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "xaccel.django", "xaccel.audit"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    XACCEL={
        "ORIGINS": {"documents": {"type": "s3", "bucket": "acme", "access_key": "a", "secret_key": "s", "region": "r"}},
        "TRANSFER_LOG": "/var/log/xaccel.log",
    },
)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory
from django.urls import path
from xaccel.django import send_file
urlpatterns = [path("file", lambda request: send_file(request, "a.txt"))]
if sys.argv[2:]:
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
else:
    said = []
    get_wsgi_application()(RequestFactory().get("/file").environ, lambda *head: said.append(head))
    assert said[0][0] == "200 OK" and dict(said[0][1])["X-Accel-Redirect"], said
    print(*(name for name in sys.modules if name.partition(".")[0] == "xaccel"))
"""


def test_a_worker_that_sent_a_file_has_45_modules_of_xaccel(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", WORKER, str(tmp_path / "db.sqlite3"), *arguments]
        return subprocess.check_output(command, text=True, cwd=ROOT)

    run("migrate")
    loaded = {*run().split()}
    assert "xaccel.audit.record" in loaded
    for name in ("cli", "doctor", "explain", "nginx", "audit.ingest"):
        assert f"xaccel.{name}" not in loaded
    assert len(loaded) <= 45, sorted(loaded)
