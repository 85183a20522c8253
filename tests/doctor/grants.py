"""What can be wrong with grants: rows of the table of breakages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

from tests.doctor.breakages import breaks, fill, small
from tests.doctor.stage import Stage
from tests.servers.origin import Answer, origin_server
from xaccel_testing import free_port

IN_MEMORY = Path("/dev/shm")
"""A tmpfs on each Linux."""


def grants(s: Stage, **more: object) -> Path:
    """Switch grants on; return their folder."""
    above = Path(mkdtemp(dir=IN_MEMORY))
    above.chmod(0o755)
    s.stack.callback(shutil.rmtree, above)
    named = {
        "app": s.backends.app.address,
        "listen": f"127.0.0.1:{free_port()}",
        "folder": str(above / "kept"),
    }
    s.change(GRANTS={**named, "paths": ["/granted/"], **more})
    return above / "kept"


@breaks(314, "Other users may enter the folder of grants", says="chmod 700")
def _(s: Stage) -> None:
    grants(s).chmod(0o755)


@breaks(314, "The folder of grants belongs to root", says="chown")
def _(s: Stage) -> None:
    os.chown(grants(s), 0, 0)


@breaks(314, "NGINX has started with grants of its last run", "warn", says="RuntimeDirectory")
def _(s: Stage) -> None:
    old = grants(s) / ("0" * 32)
    old.touch()
    os.utime(old, (1, 1))


@breaks(313, "The file system of grants is full", says="0 MB are free")
def _(s: Stage) -> None:
    place = small(s, "memory")
    grants(s, folder=str(place / "kept"))
    fill(place)


@breaks(
    620, "GRANTS name another cookie than the app's sessions have", says="GRANTS names the cookie 'sessionid'"
)
def _(s: Stage) -> None:
    app = s.stack.enter_context(origin_server(lambda _: Answer(500))).address
    grants(s, app=app)
    s.arguments |= {"--download": "/granted/1", "--object": ""}


@breaks(311, "`nginx` of GRANTS has a wrong address", says="Connection refused")
def _(s: Stage) -> None:
    grants(s, nginx=[f"http://127.0.0.1:{free_port()}"])


@breaks(311, "`nginx` of GRANTS lists another NGINX, and not this one", says="this machine")
def _(s: Stage) -> None:
    other = s.stack.enter_context(origin_server(lambda _: Answer(body=b"revoked")))
    grants(s, nginx=[other.url])
