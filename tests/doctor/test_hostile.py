"""`explain` and `trace` on hostile input: bounded in time and memory, and never a traceback."""

from __future__ import annotations

import gzip
import json
import resource
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.origin import Answer, Origin, origin_server
from xaccel import HTTPOrigin, ObjectRef, Site
from xaccel.tools.cli import main
from xaccel.tools.explain.ask_storage import ask_storage
from xaccel.tools.explain.masking import Mask
from xaccel.tools.explain.why import entries_of

ID = "019aae21-0000-7000-8000-000000000000"
LONGEST_S = 5.0
"""Processor time of one command, on any input. What was found needed minutes, or did not end."""
fuzzed = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def run(*arguments: str) -> int:
    """Run a command of xaccel; return its exit status. A traceback or a long run fails."""
    began = time.process_time()
    try:
        status = main(list(arguments))
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert time.process_time() - began < LONGEST_S
    return status


@pytest.fixture
def site(tmp_path: Path) -> str:
    (tmp_path / "site.toml").write_text(
        f'secret = "0123456789-abcdefghijklmnopqrstuvwxyz"\ntransfer_log = "{tmp_path}/xaccel.log"\n'
        f'[origins.media]\ntype = "local"\nroot = "{tmp_path}"\n'
    )
    return str(tmp_path / "site.toml")


HUGE = "a number that Python does not read"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(HUGE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.dictionaries(st.sampled_from(["origin", "why", "completion", "status", "cache", "id"]), JSON)


@fuzzed
@given(entry=ENTRY)
def test_any_log_entry_is_explained(entry: dict[str, object], tmp_path: Path, site: str) -> None:
    text = json.dumps({"id": ID, **entry}).replace(f'"{HUGE}"', "1" * 5000)
    (tmp_path / "xaccel.log").write_text(f"{text}\n")
    assert run("explain", site, ID) in (0, 1)
    assert run("explain", site, ID, "--key", "a/b") in (0, 1)


@pytest.mark.parametrize("inside", ["[" * 100_000, '{"a":' * 100_000, "\x00", '"why": ["a"]', '"why": {}'])
def test_a_log_entry_that_is_none_is_passed_over(inside: str, tmp_path: Path, site: str) -> None:
    (tmp_path / "xaccel.log").write_text(f'{{"id": "{ID}", {inside}\n{{"id": "{ID}", "status": 206}}\n')
    found, _ = entries_of(ID, tmp_path / "xaccel.log")
    assert found[-1]["status"] == 206
    assert run("explain", site, ID) in (0, 1)


def test_a_rotated_log_with_one_endless_line_needs_little_memory(tmp_path: Path, site: str) -> None:
    (tmp_path / "xaccel.log").touch()
    with gzip.open(tmp_path / "xaccel.log.1.gz", "wb", compresslevel=1) as file:
        file.write(f'{{"id": "{ID}", "pad": "'.encode())
        for _ in range(96):
            file.write(b"x" * (1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert run("explain", site, ID) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.fixture(scope="module")
def storage() -> Iterator[Origin]:
    with origin_server(lambda _: Answer()) as running:
        yield running


def ask(storage: Origin, answer: Answer) -> str:
    site = Site(
        secrets=("0123456789-abcdefghijklmnopqrstuvwxyz",),
        transfer_log="/dev/null",
        origins={"partner": HTTPOrigin(base_url=storage.url, redirect_hosts=("127.0.0.1:1", "*.test"))},
    )
    storage.answer = lambda _: answer
    began = time.process_time()
    finding = ask_storage(site, ObjectRef("partner", "a"))
    assert time.process_time() - began < LONGEST_S
    return finding.code


LOCATIONS = [
    "http://[::1",
    "http://a]",
    "http://a:b/",
    "//[",
    "http://127.0.0.1:99999/",
    "\xff",
    "http://%00/",
    "h" * 65000,
]


@pytest.mark.parametrize("location", LOCATIONS, ids=range(len(LOCATIONS)))
def test_a_storage_that_redirects_to_nonsense_is_named(location: str, storage: Origin) -> None:
    found = ask(storage, Answer(302, [("Location", location)]))
    assert found in ("redirect_refused", "redirect_without_location", "too_many_redirects", "unreachable")


HEAD = st.sampled_from(
    [b"HTTP/1.1 ", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 302 a\r\nLocation: ", b"HTTP/1.1 403 a\r\n\r\n<Code>"]
)
PART = st.binary(max_size=12) | st.sampled_from(
    [b"\r\n", b"\r\n\r\n", b"http://[", b"Transfer-Encoding: chunked\r\n", b"ffff\r\n"]
)


@fuzzed
@given(head=HEAD, parts=st.lists(PART, max_size=12))
def test_any_response_of_a_storage_is_explained(head: bytes, parts: list[bytes], storage: Origin) -> None:
    assert isinstance(ask(storage, Answer(raw=head + b"".join(parts))), str)


def test_a_storage_that_only_says_continue_is_left(storage: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xaccel.http_client.exchange.RESPONSE_S", 0.5)
    assert ask(storage, Answer(100, body=repeat(b"HTTP/1.1 100 Continue\r\n\r\n"))) == "unreachable"


@pytest.mark.parametrize("unit", ["sig", "token=", "//@", "?a=", "x" * 11 + ";"])
def test_masking_a_long_header_takes_no_long(unit: str) -> None:
    text = "http://a/" + unit * (24_000 // len(unit))
    began = time.process_time()
    Mask(()).everywhere(
        [{"response_headers": [{"name": "Set-Cookie", "value": text}, {"name": "A", "value": text}]}] * 12
    )
    assert time.process_time() - began < LONGEST_S


@pytest.mark.parametrize("url", ["http://[:::::]/a", "http://a:99999/", "https://a"])
@pytest.mark.parametrize("connect", ["127.0.0.1:99999", "[::::]:1", "127.0.0.1:1"])
def test_an_address_that_is_none_is_refused(
    url: str, connect: str, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("trace", site, url, "--connect", connect) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
