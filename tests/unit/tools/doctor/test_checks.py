"""The checks of the doctor are those of its table, and each is found by its id."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import xaccel
from xaccel.tools.doctor import check

PACKAGE = Path(xaccel.__file__).parent
LISTED = re.findall(r"^\[(XA\d{3})\]$", check.TABLE.read_text(encoding="utf-8"), re.MULTILINE)
SCRIPT = """
import sys
from xaccel.tools.doctor.check import checks
print(*(each.id for each in checks()))
print([name for name in ("django", "xaccel.audit") if name in sys.modules])
"""


def test_a_process_without_django_knows_each_check_of_the_table() -> None:
    printed = subprocess.check_output([sys.executable, "-c", SCRIPT], text=True).splitlines()
    assert sorted(printed[0].split()) == sorted(LISTED)
    assert printed[1] == "[]"


def test_each_check_is_found_by_its_id_and_has_a_function_with_a_name() -> None:
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    assert [name for name in LISTED if not re.search(rf"\b{name}\b", "".join(sources))] == []
    for each in check.checks():
        if each.module:
            import_module(each.module)
    names = [check._looks[name].__name__ for name in LISTED]
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9]+(_[a-z0-9]+)+", name)] == []


def test_each_check_says_what_is_wrong_in_other_words_than_what_is_right() -> None:
    for each in check.checks():
        row = check._TABLE[each.id]
        assert row["failure"] not in ("", row["title"]), each.id
        assert not row["failure"].endswith("."), each.id
    failures = [check._TABLE[name]["failure"] for name in LISTED]
    assert len(failures) == len({*failures, *(check._TABLE[name]["title"] for name in LISTED)}) - len(LISTED)


def test_a_check_that_repeats_a_request_refers_to_the_causes_of_the_other_one() -> None:
    texts = {one.id: one.text() for one in check.checks()}
    causes = {
        name: re.findall("XA[0-9]{3}", text.partition("May follow from:")[2].partition("\n\n")[0])
        for name, text in texts.items()
    }
    assert len(causes["XA606"]) > 20
    repeating = [name for name in LISTED if check._TABLE[name].get("repeats") == "XA606"]
    assert {name: causes[name] for name in repeating} == {
        name: [*check._TABLE[name].get("after", ()), "XA606"] for name in repeating
    }


def test_each_remedy_of_the_table_is_given() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = {*check._TABLE["remedies_by_words"].values()}
    assert [name for name in check.REMEDIES if f'"{name}"' not in sources and name not in named] == []


MESSAGES = [
    ("bind(192.0.2.7:0) failed (99: Cannot assign requested address) while connecting", "proxy_bind"),
    ("upstream sent too big header while reading response header from upstream", "large_response"),
    ("status 400 …: <title>400 Request Header Or Cookie Too Large</title>", "large_request"),
    ('limiting requests, excess: 0.9 by zone "few"', "limited_by_nginx"),
    ('could not allocate node in cache keys zone "one"', "small_zone"),
    ("the app responds with status 400; Client sent an HTTP request to an HTTPS server.", "app_with_tls"),
    ("the app responds with status 400; The plain HTTP request was sent to HTTPS port", "app_with_tls"),
    ("SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)", "app_without_tls"),
    ("status 502: the app at ::1:8000: ConnectionRefusedError: [Errno 111] Connection refused", "localhost"),
    ("connect() to unix:/run/app.sock failed (13: Permission denied)", "not_allowed"),
    ("accept4() failed (24: Too many open files)", "open_files"),
    ('open() "/var/cache/1" failed (28: No space left on device)', "no_space"),
    ("connect() to unix:/run/app.sock failed (2: No such file or directory)", "no_socket"),
    ("connect() failed (113: No route to host) while connecting to upstream", "no_route"),
    ("upstream timed out (110: Connection timed out) while connecting to upstream", "no_route"),
    ("the app responds with status 405", "other_method"),
    ("the response has status 414", "long_url_for_app"),
    ("the app responds with status 426", "wants_https"),
    ("the app responds with status 429", "limited_by_app"),
    ("does not come from the app: the app responds with 431", "large_request_for_app"),
    ("the app responds with status 503", "unavailable_app"),
    ("revocation: SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate", "untrusted_nginx"),
    ("revocation: status 404", "unknowing_nginx"),
    ('open() "/srv/x" failed (2: No such file or directory)', ""),
]


@pytest.mark.parametrize(("message", "name"), MESSAGES)
def test_the_words_of_a_message_choose_the_remedy(message: str, name: str) -> None:
    assert check.remedy_for(message) == (check.REMEDIES[name] if name else "")


def test_each_remedy_by_words_has_a_message() -> None:
    assert {name for _, name in MESSAGES} - {""} == {*check._TABLE["remedies_by_words"].values()}
