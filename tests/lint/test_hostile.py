"""`xaccel lint` on hostile input: bounded in time and memory, and never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xaccel.tools.cli import main

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


def lint(folder: Path, text: str) -> int:
    (folder / "hand.conf").write_text(text, encoding="utf-8", errors="surrogatepass")
    return run("lint", str(folder / "hand.conf"))


PROXY = "location /x { internal; proxy_pass $a39; }"
SETS = "".join(f"set $a{n} $a{n - 1}$a{n - 1};" for n in range(1, 40))
LOOP = "set $a39 $b$a39; set $b $a39$b;"


@pytest.mark.parametrize(
    "text",
    [
        f"server {{ set $a0 http://x; {SETS} {PROXY} }}",
        f"server {{ {LOOP} {PROXY} }}",
        "a {" * 100_000,
        "server {" * 300 + PROXY + "}" * 300,
        "server { set; add_header; listen; location { proxy_pass; } location /x { internal; proxy_pass; } }",
        "location /x { internal; proxy_pass http://[::1; }",
        'location "' + "\\" * 50_000,
        "${" * 50_000,
        "\ufeff\x00\x1b]0;title\x07",
        "include *; include /dev/zero;",
    ],
    ids=range(10),
)
def test_a_hostile_configuration_ends_soon(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint(tmp_path, text) in (0, 1, 2)
    assert "\x1b" not in capsys.readouterr().out


def test_an_address_made_of_variables_is_still_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = "set $scheme_ http; set $there ${scheme_}://$host; set $to $upstream_http_location;"
    lint(tmp_path, f"{sets} location @a {{ proxy_pass $there; }} location @b {{ proxy_pass $to; }}")
    lines = capsys.readouterr().out.splitlines()
    followed = [line for line in lines if "requests any URL that the storage redirects to" in line]
    unverified = [line for line in lines if "has no `proxy_ssl_verify on`" in line]
    assert ["@a" in line for line in followed] == [False]
    assert ["@a" in line for line in unverified] == [False]


WORDS = st.sampled_from(
    """server location /x @hop internal proxy_pass $a $b$b http://$a set if { } ; ' " \\ # ${ error_page 404 include map
    limit_conn add_header""".split()
)


@fuzzed
@given(words=st.lists(WORDS | st.text(max_size=4), max_size=60))
def test_any_configuration_has_a_report(words: list[str], tmp_path: Path) -> None:
    assert lint(tmp_path, " ".join(words)) in (0, 1, 2)


@pytest.mark.parametrize("name", ["/dev/zero", "fifo", "large"])
def test_a_file_that_is_no_configuration_is_not_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    assert run("lint", str(tmp_path / name)) == 2
    assert ("not a regular file" in (out := capsys.readouterr().out)) == (name != "large")
    assert ("larger than" in out) == (name == "large")
