"""A second NGINX of the same site, and rows of the table with it: a balancer, or `--url`, leads to both."""

from __future__ import annotations

import shutil

from tests.doctor.breakages import asks, breaks
from tests.doctor.stage import Stage
from xaccel_testing import free_port, nginx_server


def second_nginx(s: Stage, old: str = "", new: str = "") -> str:
    """Run another NGINX with the files of this one, and its own ports and log. old, new: text of its nginx.conf."""
    folder, port = s.folder / "second", free_port()
    (folder / "var/cache").mkdir(parents=True)
    (folder / "log").mkdir()
    for name in ("media", "xaccel"):
        shutil.copytree(s.file(name), folder / name)
    for name in ("ca.pem", "missing.html", "nginx.conf"):
        shutil.copy(s.file(name), folder)
    others = [s.settings[name]["listen"] for name in ("ARCHIVES", "UPLOADS")]
    texts = {str(s.folder): str(folder), f"127.0.0.1:{s.port}": f"127.0.0.1:{port}"}
    texts |= {address: f"127.0.0.1:{free_port()}" for address in others}
    for path in (folder / "nginx.conf", *(folder / "xaccel").rglob("*.conf")):
        text = path.read_text()
        for before, after in texts.items():
            text = text.replace(before, after)
        path.write_text(text)
    config = (folder / "nginx.conf").read_text()
    assert old in config
    running = nginx_server(folder, config.replace(old, new), binary=s.variant.binary, ready_port=port)
    s.stack.enter_context(running)
    folder.chmod(0o755)
    return f"127.0.0.1:{port}"


def balance(s: Stage, *addresses: str) -> None:
    """Let the doctor ask a balancer in front of several NGINX."""
    port, servers = free_port(), "".join(f"server {one};" for one in addresses)
    inside = "proxy_pass http://several; proxy_set_header Host $http_host; proxy_request_buffering off;"
    door = f"server {{ listen 127.0.0.1:{port}; client_max_body_size 0; location / {{ {inside} }} access_log off; }}"
    s.edit("nginx.conf", "# more servers", f"upstream several {{ {servers} }} {door}")
    s.arguments["--url"] = f"http://127.0.0.1:{port}"


TAKES_THE_URL = ("location / {", "location ~ ^/send { return 404; } location / {")


@breaks(617, "`--url` is that of a second NGINX, which does not pass the download on", says="another NGINX")
def _(s: Stage) -> None:
    asks(url=f"http://{second_nginx(s, *TAKES_THE_URL)}")(s)


@breaks(615, "The app's host has a log that NGINX does not write to", "warn", says="mount the volume")
def _(s: Stage) -> None:
    for path in s.file("xaccel").rglob("*.conf"):
        path.write_text(path.read_text().replace("log/xaccel.log", "log/moved.log"))
    s.reload()
    s.flags = ("--no-nginx",)
