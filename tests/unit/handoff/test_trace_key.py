"""The key of `xaccel trace`: for one request of those who have the secret, once."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.origin import Answer, origin_server
from tests.unit.senders import SECRET, sender
from xaccel.errors import XaccelError
from xaccel.handoff import trace_key
from xaccel.handoff.trace_key import make_key, report_of, seal, spend_on_machine, unseal
from xaccel.site import Site
from xaccel.site.protocol import TRACE_COOKIE, TRACE_HEADER
from xaccel.tools.explain.trace_download import trace
from xaccel.wsgi import Downloads

SITE = sender().site
URL = "https://shop.test/files/%C3%A9%20x?b=%2F&a"


def ask(headers: dict[str, str]) -> list[tuple[str, str]]:
    """Return the headers of a hand-off. tests/adapters/test_trace.py asks each adapter."""
    environ: dict[str, Any] = {"SCRIPT_NAME": "/files", "PATH_INFO": "/\xc3\xa9 x", "QUERY_STRING": "b=%2F&a"}
    setup_testing_defaults(environ)
    environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()})
    found: list[tuple[str, str]] = []
    Downloads(SITE).send_file(environ, lambda _, headers, __=None: found.extend(headers), "a", origin="web")  # type: ignore[arg-type, return-value]
    return found


def test_the_app_answers_a_valid_key_once() -> None:
    key = make_key(SECRET, "GET", URL)
    cookies = [value for name, value in ask({TRACE_HEADER: key}) if name.lower() == "set-cookie"]
    answer = report_of(SITE, cookies)
    assert answer is not None
    assert {"origin": "web", "status": 200, "single_use": trace_key.ONE_MACHINE}.items() <= answer.items()
    assert ["Xaccel-Url", "https://files.example/base/a"] in answer["headers"]
    assert SECRET not in str(answer)
    assert "files.example" not in str(cookies)
    assert names(ask({TRACE_HEADER: key})) == names(ask({}))


OTHERS: dict[str, Callable[[], str]] = {
    "another secret": lambda: make_key("z" * 40, "GET", URL),
    "another method": lambda: make_key(SECRET, "HEAD", URL),
    "another query": lambda: make_key(SECRET, "GET", f"{URL}x"),
    "another path": lambda: make_key(SECRET, "GET", "https://shop.test/files/y?b=%2F&a"),
    "cut": lambda: make_key(SECRET, "GET", URL)[:-1],
    "longer": lambda: f"{make_key(SECRET, 'GET', URL)}0",
    "empty": lambda: "",
    "no key": lambda: "1.1.1.1",
}


@pytest.mark.parametrize("other", OTHERS)
def test_any_other_key_changes_nothing(other: str) -> None:
    assert names(ask({TRACE_HEADER: OTHERS[other]()})) == names(ask({}))


@pytest.mark.parametrize(("age_s", "is_valid"), [(0, True), (59, True), (62, False), (-62, False)])
def test_a_key_is_valid_for_a_minute(monkeypatch: pytest.MonkeyPatch, age_s: int, is_valid: bool) -> None:
    key, now = make_key(SECRET, "GET", URL), time.time()
    monkeypatch.setattr(time, "time", lambda: now + age_s)
    assert ("set-cookie" in names(ask({TRACE_HEADER: key}))) is is_valid


def test_the_older_of_two_secrets_is_accepted_too() -> None:
    site: Site = replace(SITE, secrets=("n" * 40, SECRET))
    assert unseal("n" * 40, seal("n" * 40, {"a": 1})) == {"a": 1}
    cookie = f"{TRACE_COOKIE}={seal(SECRET, {'a': 1})}; Max-Age=0"
    assert report_of(site, ["a=b", cookie]) == {"a": 1}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of used keys."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"xaccel-trace-{os.geteuid()}"


N, M = "0123456789abcdef" * 2, "f" * 32


def test_a_key_is_remembered_for_as_long_as_it_is_valid(used: Path) -> None:
    now = time.time()
    assert spend_on_machine(N, now)
    assert spend_on_machine(N, now + 60) is None
    assert spend_on_machine(M, now + 121)
    assert [file.name for file in used.iterdir()] == [M]


def test_old_files_that_are_no_keys_stay_and_refuse_no_key(used: Path) -> None:
    now = time.time()
    used.mkdir(mode=0o700)
    (used / "letter.txt").touch()
    (used / ("a" * 32)).mkdir()
    (used / ("b" * 32)).symlink_to("letter.txt")
    (used / ("c" * 32)).touch()
    for path in used.iterdir():
        os.utime(path, (now - 200, now - 200), follow_symlinks=False)
    assert spend_on_machine(N, now)
    assert {path.name for path in used.iterdir()} == {"letter.txt", "a" * 32, "b" * 32, N}


def test_a_folder_that_another_user_can_change_remembers_nothing(
    used: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    used.symlink_to(tmp_path)
    assert spend_on_machine(N, time.time()) is None
    used.unlink()
    used.write_text("")
    assert spend_on_machine(N, time.time()) is None
    assert caplog.text.count(f"{used} is not a folder of this user). Set TMPDIR.") == 2
    used.unlink()
    used.mkdir()
    for mode in (0o720, 0o702):
        used.chmod(mode)
        assert spend_on_machine(N, time.time()) is None
        assert f"other users can write to {used} (mode {mode:o})). Set TMPDIR." in caplog.text
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert spend_on_machine(N, time.time()) is None
    assert "No such file" in caplog.text


@given(st.integers(min_value=0, max_value=800), st.integers(min_value=1, max_value=255))
def test_an_answer_that_was_changed_cannot_be_read(index: int, change: int) -> None:
    sealed = seal(SECRET, {"url": "https://files.example/?sig=abc"})
    # in bytes: the last letter of base64 has bits that mean nothing
    changed = bytearray(urlsafe_b64decode(sealed))
    changed[index % len(changed)] ^= change
    assert unseal(SECRET, urlsafe_b64encode(changed).decode()) is None
    assert unseal("z" * 40, sealed) is None


def test_two_answers_share_no_key_stream() -> None:
    first, second = (seal(SECRET, {"a": "b" * 40}) for _ in range(2))
    assert first[:43] != second[:43]
    assert first[86:] != second[86:]


def names(headers: list[tuple[str, str]]) -> list[str]:
    return [name.lower() for name, _ in headers]


def test_without_cryptography_the_download_works_and_the_command_names_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cryptography.fernet", None)
        found = ask({TRACE_HEADER: make_key(SECRET, "GET", URL)})
    assert sorted(names(found)) == sorted([*names(ask({})), "set-cookie", "xaccel-traced"])
    with pytest.raises(XaccelError, match=r"not installed in the app.*extra `trace`"):
        report_of(SITE, [value for name, value in found if name.lower() == "set-cookie"])


def test_without_cryptography_the_command_requests_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with origin_server(lambda _: Answer()) as site, pytest.raises(XaccelError, match="extra `trace`"):
        trace(SITE, f"{site.url}/a", "GET", (), tmp_path / "log", connect_to="", ca_file=None)
    assert site.requests == []
