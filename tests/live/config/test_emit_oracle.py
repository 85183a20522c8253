"""Whatever the printer prints, NGINX reads back byte for byte; what it could not read back is refused."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from xaccel.errors import NginxError
from xaccel.tools.nginx import Directive, emit
from xaccel_testing import Variant, free_port, nginx_server

KNOWN = [
    "", " ", "a b", ";", "{", "}", "{}", "#", "a # b", "a;b", '"', "'", '"a"', "'a'", "\\", "\\\\", '\\"', "a\\",
    '\\"; x "', "\\n", "\\t", "\\x41", "%41", "~^a", "=", "@x", "http://x/", "on", "if", "/*", "//", "`", "|", "^~",
    "!~", "default", "include /etc/passwd", "é", "日本語", "\u0085", "\u00a0", "\u2028", "\u2029", "\ufeff", "\u202e",
    "\U0001f600", "a" * 300,
]  # fmt: skip
REFUSED = [
    "$", "a$b", "${x}", "\n", "\r", "\t", "\0", "a\x1fb", "\x7f", "\ud800", "a" * 5000, "é" * 2100, '"' * 2100,
]  # fmt: skip
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.text(alphabet="\\\"'; {}#~^=@*a$\n\u2028\u0085é", max_size=20),
        st.text(alphabet='ab\\"é', min_size=3900, max_size=4200),
    ),
    min_size=1,
    max_size=12,
)


def configuration(port: int, texts: list[str]) -> str:
    """A location for each text that returns it."""
    locations = [
        Directive("location", ("=", f"/{number}"), (Directive("return", ("200", text)),))
        for number, text in enumerate(texts)
    ]
    server = Directive("server", (), (Directive("listen", (f"127.0.0.1:{port}",)), *locations))
    temporary = [
        Directive(f"{name}_temp_path", ("tmp",))
        for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    ]
    http = Directive("http", (), (*temporary, Directive("access_log", ("off",)), server))
    main = [Directive("daemon", ("off",)), Directive("pid", ("nginx.pid",)), Directive("events", (), ())]
    return emit([*main, http])


def read_back(directory: Path, variant: Variant, texts: list[str]) -> list[bytes]:
    port = free_port()
    with nginx_server(directory, configuration(port, texts), binary=variant.binary, ready_port=port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            bodies = []
            for number in range(len(texts)):
                connection.request("GET", f"/{number}")
                bodies.append(connection.getresponse().read())
            return bodies
        finally:
            connection.close()


def printable(text: str) -> bool:
    try:
        configuration(1, [text])
    except NginxError:
        return False
    return True


@pytest.fixture(params=["deb", "wheel"])
def build(request: pytest.FixtureRequest, unavailable) -> Variant:  # type: ignore[no-untyped-def]
    """Each program: what njs adds has no part in reading a configuration."""
    from xaccel_testing import variants

    found = variants()[request.param]
    if found.missing:
        unavailable(f"{found.name}: {found.missing}")
    return found


def test_awkward_texts_come_back(build: Variant, tmp_path: Path) -> None:
    assert [text for text in KNOWN if not printable(text)] == []
    assert read_back(tmp_path, build, KNOWN) == [text.encode() for text in KNOWN]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:4]))
def test_what_nginx_could_not_read_back_is_refused(text: str) -> None:
    assert not printable(text)


def test_the_longest_text_comes_back(build: Variant, tmp_path: Path) -> None:
    """NGINX reads a configuration through a buffer of 4096 bytes that a value must fit in."""
    longest = max(range(3000, 4200), key=lambda size: size if printable("x" * size) else 0)
    assert longest > 3900
    texts = ["x" * longest, " " * (longest - 2), '"' * (longest // 2 - 1)]
    assert read_back(tmp_path, build, texts) == [text.encode() for text in texts]


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(texts=TEXTS)
def test_any_text_comes_back_or_is_refused(build: Variant, tmp_path: Path, texts: list[str]) -> None:
    printed = [text for text in texts if printable(text)]
    assert all(
        "$" in text or not text.isprintable() or len(text) > 1900 for text in set(texts) - set(printed)
    )
    assert read_back(tmp_path, build, printed) == [text.encode() for text in printed]
