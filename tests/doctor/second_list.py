"""25 breakages of real sites that a reader invented without having seen the doctor's checks.

Each says what is broken, what users or operators notice, and what a good diagnosis must contain.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from unittest.mock import patch

import trustme

from tests.doctor.stage import BODY, KEY, ROOT, SESSION, Stage, download, tls_origin
from tests.live.conftest import running_app
from tests.servers.origin import Answer, Request, origin_server

HANDOFF = "xaccel.django.HandOffMiddleware"
LISTED = '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
CONSOLE = b"<!doctype html><html><head><title>MinIO Console</title></head><body></body></html>"
BULKY = """
def bulky(get_response):
    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy-Report-Only"] = "img-src " + "https://img.example " * 1500
        return response
    return middleware
"""


@dataclass(frozen=True, slots=True)
class Invented:
    broken: str
    seen: str
    says: str
    """A regular expression: the cause, or the remedy."""
    make: Callable[[Stage], object]


# What several use


def in_http(s: Stage, lines: str) -> None:
    s.edit("nginx.conf", "variables_hash_max_size", f"{lines} variables_hash_max_size")


def in_server(s: Stage, lines: str, http: str = "") -> None:
    s.edit(
        "nginx.conf", "add_header Strict-Transport", f"{lines} add_header Strict-Transport", reload=not http
    )
    if http:
        in_http(s, http)


def in_app_location(s: Stage, lines: str, http: str = "") -> None:
    s.edit("nginx.conf", "proxy_set_header Host", f"{lines} proxy_set_header Host", reload=not http)
    if http:
        in_http(s, http)


def other_app(s: Stage, source: str = "", **settings: object) -> None:
    """Run the app with other settings of Django, and with all origins of the site."""
    (s.folder / "shop.py").write_text(source)
    env = {"LIVE_SETTINGS": json.dumps(settings), "PYTHONPATH": f"{ROOT}:{s.folder}"}
    app = s.stack.enter_context(running_app(s.folder / "app", s.settings, **env))
    s.edit("nginx.conf", s.backends.app.address, app.address)


def error(code: str, message: str, status: int = 403, *headers: tuple[str, str]) -> Answer:
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, [("Content-Type", "application/xml"), *headers], text.encode())


def object_in_store(s: Stage, answer: Callable[[Request], Answer]) -> None:
    """Let the app send an object of a store that answers so to requests of this object."""

    def whole(request: Request) -> Answer:
        if not request.header("Authorization") and "Signature" not in request.target:
            return error("AccessDenied", "Access Denied")
        if KEY in request.target:
            return answer(request)
        if request.target.split("?")[0].strip("/") == "archive":
            return Answer(200, [("x-amz-bucket-region", "us-east-1")], LISTED.encode())
        return error("NoSuchKey", "The specified key does not exist.", 404)

    s.store(whole)
    other_app(s)
    s.arguments |= {"--download": download(KEY, "archive"), "--object": f"archive/{KEY}"}


# What is broken


def no_cookie(s: Stage) -> None:
    in_app_location(s, 'proxy_set_header Cookie "";')


def staging_password(s: Stage) -> None:
    s.file("htpasswd").write_text("team:{PLAIN}of-the-team\n")
    in_server(s, f'auth_basic "Staging"; auth_basic_user_file {s.folder}/htpasswd;')


def static_files(s: Stage) -> None:
    in_server(s, rf"location ~* \.(?:css|js|png|pdf|conf)$ {{ root {s.folder}/static; expires 30d; }}")
    s.arguments["--download"] = download().replace("/send", "/a/b/nginx.conf")


def other_server_on_the_port(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        return Answer(404, [("Server", "Apache/2.4.62 (Debian)")], b"Not Found")

    s.stop()
    with patch("socketserver.TCPServer.server_bind", _bind_to(s.port)):
        s.stack.enter_context(origin_server(answer))


def _bind_to(port: int) -> Callable[..., None]:
    def bind(server: object) -> None:
        server.socket.setsockopt(1, 2, 1)  # type: ignore[attr-defined]
        server.socket.bind(("127.0.0.1", port))  # type: ignore[attr-defined]
        server.server_address = server.socket.getsockname()  # type: ignore[attr-defined]

    return bind


def nginx_in_between(s: Stage) -> None:
    from xaccel.testing import free_port

    app, port = s.backends.app.address, free_port()
    inner = f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{app}; "
    s.edit("nginx.conf", f"proxy_pass http://{app};", f"proxy_pass http://127.0.0.1:{port};", reload=False)
    s.edit("nginx.conf", "# more servers", inner + "proxy_set_header Host $http_host; } access_log off; }")


def many_cookies(s: Stage) -> None:
    s.arguments["--header"] = f"Cookie: session={SESSION}; basket={'0' * 9000}"


def backup_beside_the_site(s: Stage) -> None:
    shutil.copytree(s.file("xaccel/site"), s.file("xaccel/site.bak"))


def front_that_caches(s: Stage) -> None:
    s.front(
        "proxy_cache edge; proxy_cache_valid 200 10m; proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;",
        f"proxy_cache_path {s.folder}/edge keys_zone=edge:1m use_temp_path=off;",
    )


def dead_dns_server(s: Stage) -> None:
    s.origin("partner", redirect_hosts=["*.cdn.test"], generate=False)
    s.change(RESOLVER=["127.0.0.1:9"])


def no_right_to_the_key(s: Stage) -> None:
    denied = "User: arn:aws:iam::1:user/app is not authorized to perform: kms:Decrypt on this resource"
    object_in_store(s, lambda _: error("AccessDenied", denied))


def in_glacier(s: Stage) -> None:
    kept = [("x-amz-storage-class", "GLACIER"), ("ETag", '"g"'), ("Content-Length", str(len(BODY)))]

    def answer(request: Request) -> Answer:
        if request.method == "HEAD":
            return Answer(200, kept)
        return error("InvalidObjectState", "The operation is not valid for the object's storage class")

    object_in_store(s, answer)


def console_for_the_store(s: Stage) -> None:
    s.store(lambda _: Answer(200, [("Content-Type", "text/html"), ("Server", "MinIO Console")], CONSOLE))
    other_app(s)
    s.arguments |= {"--download": download(KEY, "archive"), "--object": f"archive/{KEY}"}


def clock_of_the_app(s: Stage) -> None:
    def answer(request: Request) -> Answer:
        now = ("Date", formatdate(time.time() + 1200, usegmt=True))
        return error("AccessDenied", "Request has expired", 403, now)

    object_in_store(s, answer)


def no_intermediate(s: Stage) -> None:
    root = trustme.CA()
    made = root.create_child_ca().issue_cert("partner.test")
    leaf, key = s.file("leaf.pem"), s.file("leaf.key")
    made.cert_chain_pems[0].write_to_path(str(leaf))
    made.private_key_pem.write_to_path(str(key))
    root.cert_pem.write_to_path(str(s.file("ca.pem")))
    prepared = s.stack.enter_context(
        tls_origin(s.file("tls2"), lambda context: context.load_cert_chain(leaf, key))
    )
    s.partner_at(prepared)


def wants_a_client_certificate(s: Stage) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(s.file("ca.pem")))

    def prepare(context: ssl.SSLContext) -> None:
        authority.issue_cert("partner.test").configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    s.partner_at(s.stack.enter_context(tls_origin(s.file("tls2"), prepare)))


def certificate_of_the_site(s: Stage) -> None:
    from xaccel.testing import free_port

    authority, port = trustme.CA(), free_port()
    made = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    made.private_key_and_cert_chain_pem.write_to_path(str(s.file("site.pem")))
    authority.cert_pem.write_to_path(str(s.file("known.pem")))
    s.stack.enter_context(patch.dict(os.environ, SSL_CERT_FILE=str(s.file("known.pem"))))
    s.edit(
        "nginx.conf",
        f"listen 127.0.0.1:{s.port};",
        f"listen 127.0.0.1:{s.port}; listen 127.0.0.1:{port} ssl; "
        f"ssl_certificate {s.folder}/site.pem; ssl_certificate_key {s.folder}/site.pem;",
    )
    s.arguments["--url"] = f"https://127.0.0.1:{port}"


def media(s: Stage, name: str) -> None:
    s.arguments |= {"--download": download(name, "media"), "--object": f"media/{name}"}


def linked_file(s: Stage) -> None:
    s.file("release").mkdir()
    s.file("release/b.txt").write_text("b")
    s.file("media/b.txt").symlink_to(s.file("release/b.txt"))
    media(s, "b.txt")


def private_upload(s: Stage) -> None:
    s.file("media/c.txt").write_text("c")
    s.file("media/c.txt").chmod(0o600)
    media(s, "c.txt")


def full_disk_of_logs(s: Stage) -> None:
    log = s.file("log")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", log], check=True)
    s.stack.callback(subprocess.run, ["umount", "--lazy", log], check=True)
    s.reload()
    try:
        (log / "core.1").write_bytes(b"0" * 100_000)
    except OSError:
        return


def broken_aws_config(s: Stage) -> None:
    s.file("aws-config").write_text("[default\nregion = eu-central-1\n")
    s.stack.enter_context(patch.dict(os.environ, AWS_CONFIG_FILE=str(s.file("aws-config"))))


INVENTED = [
    Invented(
        "NGINX empties the header Cookie for the app: lines of a location for static files were copied.",
        "Everybody gets 403, or the login page.",
        r'proxy_set_header Cookie|Cookie ""',
        no_cookie,
    ),
    Invented(
        "`proxy_bind` names an address that the machine had before it moved.",
        "All pages and downloads are 500.",
        r"proxy_bind",
        lambda s: in_http(s, "proxy_bind 192.0.2.7;"),
    ),
    Invented(
        "`limit_req` against robots lets one request a minute pass.",
        "The second download is 503.",
        r"limit_req",
        lambda s: in_app_location(
            s, "limit_req zone=robots;", "limit_req_zone $binary_remote_addr zone=robots:1m rate=1r/m;"
        ),
    ),
    Invented(
        "The password of the staging site went to production: `auth_basic` in the server.",
        "Browsers ask for a password; API clients get 401.",
        r"auth_basic",
        staging_password,
    ),
    Invented(
        "A regular expression location for static files takes the downloads whose path ends so.",
        "Downloads such as /reports/a.pdf are 404, others work.",
        r"location ~|regular expression|static",
        static_files,
    ),
    Invented(
        "After a reboot Apache was first on the port, and NGINX did not start.",
        "Everything is Apache's 404.",
        r"Apache|not NGINX|[Aa]nother (server|program)",
        other_server_on_the_port,
    ),
    Invented(
        "A second NGINX between NGINX and the app follows X-Accel-Redirect itself.",
        "All downloads are 404.",
        r"second NGINX|another NGINX|between|consum|follow|proxy_ignore_headers",
        nginx_in_between,
    ),
    Invented(
        "The cookies of a user have grown beyond NGINX's buffers.",
        "This user gets 400 Request Header Or Cookie Too Large.",
        r"large_client_header_buffers|[Cc]ookies?.*too large|too large.*[Cc]ookie|too big",
        many_cookies,
    ),
    Invented(
        "An operator copied the folder of the site to site.bak beside it, where http.conf includes it too.",
        "Nothing, until NGINX starts again: it refuses its configuration.",
        r"site\.bak",
        backup_beside_the_site,
    ),
    Invented(
        "A CDN before NGINX caches downloads whatever Cache-Control says.",
        "People get private files without being asked who they are.",
        r"cache",
        front_that_caches,
    ),
    Invented(
        "A middleware of the app adds a header of 30 KB to all responses.",
        "All downloads are 502; the error log has `upstream sent too big header`.",
        r"too big header|proxy_buffer_size|head(ers?)? .*(too )?(large|big|long)",
        lambda s: other_app(s, BULKY, MIDDLEWARE=["shop.bulky", HANDOFF]),
    ),
    Invented(
        "PREPEND_WWW of Django redirects to a host name that does not exist.",
        "Browsers cannot find the server.",
        r"www\.|PREPEND_WWW",
        lambda s: other_app(
            s, MIDDLEWARE=["django.middleware.common.CommonMiddleware", HANDOFF], PREPEND_WWW=True
        ),
    ),
    Invented(
        "RESOLVER names a DNS server that was switched off.",
        "Downloads that the partner redirects to its CDN are 502.",
        r"RESOLVER|DNS server|resolver",
        dead_dns_server,
    ),
    Invented(
        "The objects are encrypted with a KMS key that the credentials may not use.",
        "All downloads are 502, although the bucket's policy is right.",
        r"kms:Decrypt|KMS",
        no_right_to_the_key,
    ),
    Invented(
        "A lifecycle rule moved the object to Glacier.",
        "Old downloads are 502, HEAD requests work.",
        r"Glacier|GLACIER|InvalidObjectState|[Rr]estore",
        in_glacier,
    ),
    Invented(
        "`endpoint_url` is the address of the store's console, which answers every path with its page.",
        "Each download is a small HTML page under the name of the file.",
        r"HTML|[Cc]onsole|not (an )?S3|text/html",
        console_for_the_store,
    ),
    Invented(
        "The clock of the app's machine is 20 minutes slow.",
        "All downloads are 502: signatures have expired when they arrive.",
        r"[Cc]lock",
        clock_of_the_app,
    ),
    Invented(
        "The partner renewed its certificate and sends it without the intermediate one.",
        "Its downloads are 502; browsers accept the partner's site.",
        r"intermediate|chain",
        no_intermediate,
    ),
    Invented(
        "The partner began to demand client certificates.",
        "Its downloads are 502.",
        r"client_certificate|client certificate",
        wants_a_client_certificate,
    ),
    Invented(
        "The certificate of the site expired.",
        "Browsers warn and refuse.",
        r"expired",
        certificate_of_the_site,
    ),
    Invented(
        "A deployment made the files links to the folder of the release.",
        "These files are 404, although they exist.",
        r"symbolic|symlink",
        linked_file,
    ),
    Invented(
        "The app writes uploads with mode 0600, as Django does for large ones without FILE_UPLOAD_PERMISSIONS.",
        "Large uploads cannot be downloaded: 404, although they exist.",
        r"c\.txt.*(read|permission)|(read|permission).*c\.txt|FILE_UPLOAD_PERMISSIONS|chmod",
        private_upload,
    ),
    Invented(
        "The disk of the logs is full.",
        "Downloads work, and no entry of them is kept.",
        r"full|[Nn]o space",
        full_disk_of_logs,
    ),
    Invented(
        "LIMIT_RATE was meant in KB a second.",
        "A page of text takes seconds, a film years.",
        r"LIMIT_RATE",
        lambda s: s.change(LIMIT_RATE=400),
    ),
    Invented(
        "Somebody broke AWS's shared configuration file with an editor.",
        "All downloads from S3 are 500 after the app's next start.",
        r"aws-config|AWS_CONFIG_FILE|[Pp]ars",
        broken_aws_config,
    ),
]
