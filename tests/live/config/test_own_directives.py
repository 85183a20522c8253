"""`config` warns of directives in the operator's own configuration that work against downloads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.live.commands import config, write_nginx
from xaccel.tools.nginx import probe
from xaccel_testing import Variant, free_port

BOTH = pytest.mark.variants("deb", "wheel")
"""Both NGINX print their configuration (`nginx -T`), and njs is not read."""
ONE = pytest.mark.variants("deb")
"""What reads the printed text is Python."""

SERVER = "include xaccel/site/server.conf;"
APP = "include xaccel/app.conf;"
ZONE = "limit_conn_zone $binary_remote_addr zone=his:1m;"
ELSEWHERE = 'map $uri $counted { ~^/files/ ""; default 1; } limit_conn_zone $counted zone=his:1m;'
LIMITS = "concurrency = { default = 2 }"
HSTS = 'add_header Strict-Transport-Security "max-age=31536000" always;'


def warned(
    variant: Variant,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    http: str = "",
    server: str = SERVER,
    app: str = APP,
    settings: str = "",
) -> list[str]:
    """Put the lines into a file for each level, after a comment; return the warnings of a second `config`."""
    (folder / "own").mkdir()
    modules = probe(variant.binary).load_modules
    config(variant, folder, write_nginx(folder, modules, ""), settings)
    for name, text in (("http", http), ("server", server), ("app", app)):
        (folder / "own" / f"{name}.conf").write_text(f"# his\n{text}\n")
    inside = f"""include xaccel/http.conf; include own/htt*.conf;
        server {{ listen 127.0.0.1:{free_port()}; include own/server.conf;
            location /files/ {{ include own/app.conf; proxy_pass http://127.0.0.1:1; }} }}"""
    options = write_nginx(folder, modules, inside)
    capsys.readouterr()
    config(variant, folder, options, settings)
    said = re.findall(r"^xaccel: warning: (.*)", capsys.readouterr().err, re.MULTILINE)
    return [line for line in said if not re.search(r"-T` failed|whether NGINX loads", line)]


@BOTH
@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"http": f"{ZONE}\nlimit_conn his 9;", "settings": LIMITS}, ("http.conf:3", "CONCURRENCY")),
        (
            {"http": ZONE, "app": f"{APP} limit_conn his 9;", "settings": LIMITS},
            ("app.conf:2", "CONCURRENCY"),
        ),
        ({"app": f"{APP}\nproxy_buffers 8 8k;"}, ("app.conf:3", "refuses a second proxy_buffers")),
        (
            {"app": f"proxy_buffer_size 8k;\n{APP}"},
            ("engine/app.conf:6", "refuses a second proxy_buffer_size"),
        ),
        ({"http": HSTS}, ("http.conf:2", "without this Strict-Transport-Security: name it in ADD_HEADERS")),
        ({"server": f"{SERVER}\n{HSTS}"}, ("server.conf:3", "without this Strict-Transport-Security")),
        (
            {"http": f"server {{ listen unix:other.sock; {SERVER} }}", "server": ""},
            ("", "includes site/server.conf"),
        ),
        ({"app": ""}, ("", "app.conf is not included")),
    ],
)
def test_a_directive_that_works_against_downloads_gets_one_warning(
    variant: Variant,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    levels: dict[str, str],
    expected: tuple[str, str],
) -> None:
    where, says = expected
    (said,) = warned(variant, tmp_path, capsys, **levels)
    assert says in said
    assert f"{where}: " in said if where else True


@ONE
@pytest.mark.parametrize(
    "levels",
    [
        {},
        {"http": f"{ZONE} limit_conn his 9;"},
        {"http": f"{ELSEWHERE} limit_conn his 9;", "settings": LIMITS},
        {
            "http": f"{ZONE} server {{ listen unix:other.sock; limit_conn his 9; location / {{ {APP} }} }}",
            "settings": LIMITS,
        },
        {"http": HSTS, "settings": 'add_headers = [["strict-transport-security", "max-age=1"]]'},
        {"http": HSTS, "server": f"{SERVER} add_header X-Content-Type-Options nosniff;"},
        {"http": "proxy_buffer_size 8k; proxy_buffers 8 8k;"},
        {"server": f"{SERVER} location /other/ {{ {HSTS} proxy_buffers 8 8k; }}"},
    ],
)
def test_other_directives_get_no_warning(
    variant: Variant, tmp_path: Path, capsys: pytest.CaptureFixture[str], levels: dict[str, str]
) -> None:
    assert warned(variant, tmp_path, capsys, **levels) == []


@BOTH
def test_a_configuration_that_nginx_refuses_is_not_checked(
    variant: Variant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config(variant, tmp_path, write_nginx(tmp_path, (), "nonsense;"))
    assert re.search(
        r'-T` failed, so your own directives are not checked: .*unknown directive "nonsense"',
        capsys.readouterr().err,
    )
