"""What can be wrong with uploads: rows of the table of breakages."""

from __future__ import annotations

from tests.doctor.breakages import asks, breaks, fill, front, row, small
from tests.doctor.stage import TEMPORARY, Stage
from tests.servers.origin import Answer, Request
from xaccel_testing import free_port, nginx_server


def uploads(s: Stage, **options: object) -> None:
    """Change options of UPLOADS."""
    s.change(UPLOADS={**s.settings["UPLOADS"], **options})


row(
    101,
    "UPLOADS names an HTTP origin",
    lambda s: s.change(UPLOADS={**s.settings["UPLOADS"], "origins": ["partner"]}, generate=False),
    says="neither length nor checksum",
)


def _storage(s: Stage, status: int, code: str) -> None:
    """Take uploads in a storage that responds to each PUT in this way."""

    def answer(request: Request) -> Answer:
        if request.method != "PUT":
            return Answer(204 if request.method == "DELETE" else 403)
        return Answer(status, [], f"<Error><Code>{code}</Code></Error>".encode())

    s.storage(answer)
    uploads(s, origins=["archive"])


row(
    423,
    "A policy of the bucket denies `s3:PutObject`",
    lambda s: _storage(s, 403, "AccessDenied"),
    says="AccessDenied",
)
row(424, "The storage ignores the CRC-32 of an upload", lambda s: _storage(s, 200, ""))


@breaks(425, "NGINX made the staging folder itself, for its own user alone", "warn", says="mode 700")
def _(s: Stage) -> None:
    uploads(s, origins=["media"])


row(
    626,
    "A proxy before NGINX has the default `client_max_body_size`",
    front("", largest="1m"),
    "warn",
    says="of 1 MB",
)
row(
    626,
    "A proxy before NGINX takes only small bodies",
    front("", largest="100k"),
    says="of 256 KB",
)
row(
    627,
    "A proxy before NGINX refuses PUT",
    front("limit_except GET POST { deny all; }"),
    says="in front",
)
row(
    627,
    "`app` of UPLOADS is not the address of the app",
    lambda s: uploads(s, app=f"127.0.0.1:{free_port()}"),
    says="status 503",
)
row(
    627,
    "The view of uploads was moved, and `paths` of UPLOADS has its old path",
    lambda s: uploads(s, paths=["/moved/"]),
    "warn",
    says="the app responds with 404 to each of",
)


def buffering_front(s: Stage, lines: str) -> None:
    """Put an NGINX of its own in front, which stores bodies."""
    folder, port = s.folder / "front", free_port()
    folder.mkdir()
    temporary = " ".join(f"{kind}_temp_path tmp/{kind};" for kind in TEMPORARY if kind != "client_body")
    config = f"""user www-data; pid nginx.pid; daemon off; error_log error.log; events {{ }}
http {{ access_log off; {temporary} client_max_body_size 0; server {{ listen 127.0.0.1:{port};
location / {{ proxy_pass {s.url}; proxy_set_header Host $http_host; {lines} }} }} }}"""
    s.stack.enter_context(nginx_server(folder, config, binary=s.variant.binary, ready_port=port))
    asks(url=f"http://127.0.0.1:{port}")(s)


@breaks(628, "A proxy in front stores bodies, and its disk is full", says="in front of it")
def _(s: Stage) -> None:
    place = small(s, "bodies")
    buffering_front(s, f"client_body_temp_path {place}/bodies;")
    fill(place)


@breaks(628, "A proxy in front stores bodies, and may not write to their folder", says="status 500")
def _(s: Stage) -> None:
    buffering_front(s, "client_body_temp_path bodies;")
    s.file("front/bodies").chmod(0)
