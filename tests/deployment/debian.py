"""Install by hand on Debian: pages of the documentation in a container where systemd runs, beside an S3 server."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import trustme

from tests.deployment.containers import (
    ROOT,
    Failed,
    base_image,
    package_mounts,
    run,
    say,
    wait_until,
)
from tests.pages import FENCE, text
from xaccel_testing.servers.s3 import weed_binary

_CONTENT = random.Random("debian").randbytes(3_000_000)
_CONTAINERFILE = """\
ARG BASE
FROM ${BASE}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \\
    systemd systemd-sysv dbus
"""
_RIGHTS = ("--cap-add=all", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined")
"""What systemd needs for its sandboxes. The kernel's settings in /proc/sys stay read-only, unlike with --privileged."""
_SETTINGS = """
from settings import *
ALLOWED_HOSTS = ["app.example"]
INSTALLED_APPS += ["xaccel.audit"]
WSGI_APPLICATION = "project.wsgi.application"
XACCEL = {"TRANSFER_LOG": "/var/log/xaccel/transfers.log"}
"""
_WSGI = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
_ENVIRONMENT = """\
DJANGO_SETTINGS_MODULE=project.settings
SECRET_KEY=only-in-this-container-0123456789-abcdefghijklmnop
DATABASE=/srv/app/data/db.sqlite3
S3_BUCKET=documents
S3_ENDPOINT=http://127.0.0.1:8333
AWS_DEFAULT_REGION=us-east-1
AWS_ACCESS_KEY_ID=debian
AWS_SECRET_ACCESS_KEY=only-in-this-container
"""
_IDENTITIES = {
    "identities": [
        {
            "name": "owner",
            "credentials": [{"accessKey": "debian", "secretKey": "only-in-this-container"}],
            "actions": ["Admin", "Read", "Write"],
        }
    ]
}
_WITH_DJANGO = f"""
import django, json, os, sys
os.environ.update(line.split("=", 1) for line in {_ENVIRONMENT!r}.splitlines())
sys.path.insert(0, "/srv/app")
django.setup()
"""
"""Only root may read /etc/default/app, which has the same environment."""
_SEED = """
import sys
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from documents.models import Document
default_storage.connection.create_bucket(Bucket="documents")
user = User.objects.create_user("ann")
document = Document.objects.create(title="report", file=ContentFile(open("/tmp/content", "rb").read(), "r.pdf"))
document.readers.add(user)
session = SessionStore()
session.update({"_auth_user_id": str(user.pk), "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
                "_auth_user_hash": user.get_session_auth_hash()})
session.create()
print(json.dumps([document.pk, session.session_key]))
"""
_DOWNLOAD = """
import hashlib, urllib.error, urllib.request
headers = {{"Host": "app.example", "Cookie": "sessionid={key}"}}
request = urllib.request.Request("http://127.0.0.1/documents/{pk}", headers=headers)
try:
    print(hashlib.sha256(urllib.request.urlopen(request, timeout=10).read()).hexdigest())
except urllib.error.URLError as error:
    print(error)
"""
_SENT = """
from xaccel.audit.models import Transfer
print(Transfer.objects.filter(outcome="sent", sent=3_000_000).count())
"""
_STATE = "systemctl is-system-running || true"
_FAILED = "systemctl list-units --failed --no-legend --plain 'nginx*' 'app*' 'xaccel-*'"
_TREE = (
    # weed is mounted from this machine, where others may link to it
    "find /etc /srv /usr /var/lib/dpkg -path /srv/app/data -prune -o -path /usr/local/bin/weed -prune"
    " -o -printf '%p %m %u:%g %s %T@ %C@ %l\\n' | sort"
)
_PROCESSES = "systemctl show --property=MainPID,Id,ActiveState nginx app xaccel-ingest"


class Machine:
    """A Debian in a container."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sh(self, script: str, *, check: bool = True) -> str:
        """Run a script of the shell as root; stderr comes with the output."""
        inside = f"exec 2>&1\ncd /src\n{script}"
        return run("podman", "exec", "--interactive", self.name, "sh", "-e", stdin=inside, check=check)

    def python(self, program: str, *, user: str = "app", check: bool = True) -> str:
        command = ("runuser", "--user", user, "--", "/srv/app/venv/bin/python", "-")
        return run("podman", "exec", "--interactive", self.name, *command, stdin=program, check=check)


def check(folder: Path) -> None:
    """Follow the page, download, run the script again, and see that nothing changes."""
    run("scripts/wheels")
    with machine(folder) as debian:
        _prepare(debian, folder)
        blocks = commands("debian")
        follow(debian, blocks[:1])
        say("installed", "by deploy/debian/install, in a clean Debian with systemd")
        pk, key = json.loads(debian.python(_WITH_DJANGO + _SEED))
        download = _DOWNLOAD.format(pk=pk, key=key)
        wanted = hashlib.sha256(_CONTENT).hexdigest()

        def works() -> bool:
            return debian.python(download, check=False).strip() == wanted

        def recorded(count: int) -> bool:
            return int(debian.python(_WITH_DJANGO + _SENT, check=False) or 0) == count

        wait_until(works, "a download", 30)
        wait_until(lambda: recorded(1), "its row in the trail", 30)
        say("downloaded", "a file from S3 through NGINX; it has its row in the trail")
        before, processes = debian.sh(_TREE), debian.sh(_PROCESSES)
        printed = debian.sh("deploy/debian/install app.example project.wsgi")
        changed = {*before.splitlines()} ^ {*debian.sh(_TREE).splitlines()}
        if changed or debian.sh(_PROCESSES) != processes or len(printed.splitlines()) != 1:
            raise Failed(f"the second run changed something: {printed} {sorted(changed)[:9]}")
        files = len(before.splitlines())
        say("repeated", f"the second run changed none of {files} files, and restarted nothing")
        follow(debian, blocks[1:])
        # what the sandboxes of the units must allow
        debian.sh("echo '# outdated' >>/etc/nginx/xaccel/http.conf; systemctl start xaccel-refresh.service")
        if "# outdated" in debian.sh("cat /etc/nginx/xaccel/http.conf"):
            raise Failed("xaccel-refresh.service wrote nothing")
        debian.sh("logrotate --force /etc/logrotate.d/xaccel; test -e /var/log/xaccel/transfers.log.1")
        debian.sh("systemctl restart nginx app xaccel-ingest")
        wait_until(works, "a download after a restart", 30)
        wait_until(lambda: recorded(2), "its row in the trail", 30)
        _sweep(debian)
        _ship(debian, folder)
        _upgrade(debian, works)
        if failed := debian.sh(_FAILED):
            raise Failed(failed)
        say(
            "worked",
            "refresh, rotation, a restart, the sweep, shipping and an upgrade, in the sandboxes of the units",
        )


def _sweep(debian: Machine) -> None:
    """Install again, for a project that now takes uploads, and let systemd run the sweep. Raises Failed."""
    debian.sh("echo 'INSTALLED_APPS += [\"xaccel.django.uploads\"]' >>/srv/app/project/settings.py")
    printed = debian.sh("deploy/debian/install app.example project.wsgi")
    debian.sh("systemctl is-active xaccel-sweep.timer; systemctl start xaccel-sweep.service")
    journal = debian.sh("journalctl --no-pager --unit=xaccel-sweep.service")
    if "migrated the database" not in printed or "nothing to do" not in journal:
        raise Failed(f"the sweep was not installed, or did not run: {printed}{journal}")


def _ship(debian: Machine, folder: Path) -> None:
    """Follow the page about several machines on one: it ships its transfer log to itself."""
    install, start, *_ = commands("several")
    follow(debian, [install])
    authority = trustme.CA()
    own = authority.issue_cert("nginx.example", "collector.example")
    tls = folder / "tls"
    tls.mkdir()
    authority.cert_pem.write_to_path(str(tls / "ca.pem"))
    own.private_key_pem.write_to_path(str(tls / "own.key"))
    (tls / "own.pem").write_bytes(b"".join(each.bytes() for each in own.cert_chain_pems))
    debian.sh("mkdir /etc/xaccel")
    run("podman", "cp", str(tls), f"{debian.name}:/etc/xaccel/tls")
    debian.sh(
        "chown -R root:xaccel /etc/xaccel/tls; chmod 640 /etc/xaccel/tls/own.key; chmod 755 /etc/xaccel/tls\n"
        "echo 127.0.0.1 collector.example >>/etc/hosts\n"
        "cp deploy/rsyslog/*.conf /etc/xaccel/\n"
        "cp deploy/systemd/xaccel-ship.service deploy/systemd/xaccel-collect.service /etc/systemd/system/\n"
        "cp deploy/logrotate.d/xaccel-collect /etc/logrotate.d/\n"
        "systemctl daemon-reload"
    )
    follow(debian, [start])
    debian.sh("systemctl enable --now xaccel-ship")
    folders = "sort -u /var/log/xaccel/transfers.log*; echo; sort -u /var/log/xaccel-collected/*"

    def arrived() -> bool:
        here, _, there = debian.sh(folders, check=False).partition("\n\n")
        return bool(here.strip()) and here.split() == there.split()

    wait_until(arrived, "the transfer log at the collector", 30)
    debian.sh("logrotate --force /etc/logrotate.d/xaccel-collect; echo '{}' >>/var/log/xaccel/transfers.log")
    wait_until(arrived, "an entry after the collector's rotation", 30)


def _upgrade(debian: Machine, works: Callable[[], bool]) -> None:
    """Follow the page about upgrades, in the app's environment, to the wheel that is there already."""
    inside = "set -a; . /etc/default/app; cd /srv/app; PATH=/srv/app/venv/bin:$PATH\n"
    blocks = upgrade_commands(_wheel())
    # a new version would have other files
    debian.sh("echo '# outdated' >>/etc/nginx/xaccel/http.conf")
    follow(debian, [(inside + code, shown) for code, shown in blocks])
    if "# outdated" in debian.sh("cat /etc/nginx/xaccel/http.conf"):
        raise Failed("the commands of upgrade.md did not generate the configuration")
    wait_until(works, "a download after the upgrade", 30)


def upgrade_commands(wheel: str) -> list[tuple[str, list[str]]]:
    """Return the commands of upgrade.md with a wheel in place of the clone. Raises Failed if the page lacks them."""
    package = "'./xaccel[s3]'"
    (install, shown), *others = commands("upgrade")
    if package not in install:
        raise Failed(f"upgrade.md no longer installs {package}: change tests/deployment/debian.py")
    return [(install.replace(package, f"'xaccel[s3] @ file:///src/dist/{wheel}'"), shown), *others]


def _wheel() -> str:
    [wheel] = (path.name for path in (ROOT / "dist").glob("xaccel-*.whl"))
    return wheel


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a page, each with the lines that it shows after them."""
    found = [(kind, dedent(code)) for kind, code in FENCE.findall(text(ROOT / "docs/operate" / f"{page}.md"))]
    return [
        (code, shown.splitlines())
        for (kind, code), (after, shown) in pairwise(found)
        if kind == "sh" and after == "text"
    ]


def follow(debian: Machine, blocks: list[tuple[str, list[str]]]) -> None:
    """Run commands of the page. Raises Failed if they print no line that the page shows; "…" is any line."""
    for code, shown in blocks:
        printed = debian.sh(code).splitlines()
        missing = [line for line in shown if "…" not in line and line not in printed]
        if missing:
            raise Failed(f"{code}printed\n" + "\n".join(printed) + "\nand not " + "\n".join(missing))


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Run a Debian with systemd and nothing else."""
    image, name = "localhost/xaccel-debian", f"xaccel-debian-{os.getpid()}"
    file = folder / "Containerfile"
    file.write_text(_CONTAINERFILE)
    mounts = package_mounts()
    run(
        *("podman", "build", "--quiet", "--network=host", *mounts, f"--build-arg=BASE={base_image(folder)}"),
        *("--file", str(file), "--tag", image, str(folder)),
    )
    legacy = not Path("/sys/fs/cgroup/cgroup.controllers").exists()
    run(
        *("podman", "run", "--detach", "--name", name, "--systemd=always", *_RIGHTS, *mounts),
        *(f"--volume={ROOT}:/src:ro", f"--volume={weed_binary().resolve()}:/usr/local/bin/weed:ro"),
        *(image, "/lib/systemd/systemd"),
        *(["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"] if legacy else []),
    )
    debian = Machine(name)
    try:
        # "degraded" too: a container has no kernel modules to load
        running = lambda: debian.sh(_STATE).strip() in {"running", "degraded"}  # noqa: E731
        wait_until(running, "systemd runs", 60)
        yield debian
    except Failed:
        print(debian.sh("journalctl --no-pager --lines=40", check=False))
        raise
    finally:
        run("podman", "rm", "--force", "--time", "0", name)


def _prepare(debian: Machine, folder: Path) -> None:
    """Put an S3 server, the project and its environment there, as the page says."""
    project = folder / "app"
    shutil.copytree(ROOT / "examples/minimal", project, ignore=shutil.ignore_patterns("__pycache__"))
    run(
        *("env", "DEBUG=1", "S3_BUCKET=documents", f"DATABASE={folder}/db", "PYTHONDONTWRITEBYTECODE=1"),
        *(sys.executable, str(project / "manage.py"), "makemigrations", "documents"),
    )
    pinned = text(ROOT / "requirements/test.txt")
    versions = re.findall(r"^(?:django-storages|boto3|gunicorn)==[0-9.]+", pinned, re.MULTILINE)
    packages = [f"xaccel[audit,s3] @ file:///src/dist/{_wheel()}", "django<6.2", *versions]
    (project / "project").mkdir()
    files = {
        project / "project/settings.py": _SETTINGS,
        project / "project/wsgi.py": _WSGI,
        project / "requirements.txt": "\n".join([*packages, ""]),
        folder / "environment": _ENVIRONMENT,
        folder / "s3.json": json.dumps(_IDENTITIES),
    }
    for path, content in files.items():
        path.write_text(content)
    (folder / "content").write_bytes(_CONTENT)
    debian.sh("mkdir /var/lib/s3 /var/lib/s3/data")
    for source, target in {
        project: "/srv/app",
        folder / "environment": "/etc/default/app",
        folder / "s3.json": "/var/lib/s3/s3.json",
        folder / "content": "/tmp/content",
    }.items():
        run("podman", "cp", str(source), f"{debian.name}:{target}")
    debian.sh("chmod 600 /etc/default/app")
    debian.sh(
        "systemd-run --quiet --unit=s3 --working-directory=/var/lib/s3 weed mini -dir=data -ip=127.0.0.1"
        " -ip.bind=127.0.0.1 -s3.config=s3.json -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -admin.ui=false"
        " -master.telemetry=false"
    )
