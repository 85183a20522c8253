"""Real botocore credentials whose refresh the test holds in its hand; events, no clock that is waited for."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from xaccel import S3Origin
from xaccel.errors import ConfigError, CredentialsUnavailable
from xaccel.signing import credentials
from xaccel.signing.credentials import FAILED_S, PAUSE_S, REFRESH_AHEAD_S, STILL_GOOD_S, CredentialSource

WITHIN_S = 60
ORIGIN = S3Origin(bucket="docs")


def issued(name: str, lives_s: float) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(seconds=lives_s)
    return {"access_key": name, "secret_key": "s", "token": "t", "expiry_time": ends.isoformat()}


class Role:
    """Gives credentials that live as long as the test says, when the test says."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Callable[[], dict[str, Any]] = lambda: issued("new", 3600)
        self.entered = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def fail(self, error: Exception) -> None:
        def fails() -> dict[str, Any]:
            raise error

        self.answer = fails

    def refresh(self) -> dict[str, Any]:
        self.asked += 1
        self.entered.set()
        assert self.may_answer.wait(WITHIN_S)
        return self.answer()


def source_of(role: Role, lives_s: float) -> CredentialSource:
    """A source that holds the credentials "old", which have `lives_s` left."""
    source = CredentialSource(ORIGIN)
    source._found = RefreshableCredentials.create_from_metadata(issued("old", 3600), role.refresh, "test")
    assert source.current().access_key == "old"
    source._found._expiry_time = datetime.now(UTC) + timedelta(seconds=lives_s)
    return source


def refreshers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "xaccel-credentials"]


def finish_refresh() -> None:
    for thread in refreshers():
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def after_the_failure(source: CredentialSource) -> None:
    source._failed_at -= FAILED_S


def test_fresh_credentials_are_given_without_asking_again() -> None:
    role = Role()
    source = source_of(role, 3600)
    assert source.ready()
    assert [source.current().access_key for _ in range(3)] == ["old"] * 3
    assert role.asked == 0
    assert refreshers() == []


@pytest.mark.parametrize("lives_s", [REFRESH_AHEAD_S - 5, 5 * 60, STILL_GOOD_S + 5])
def test_no_request_waits_while_a_refresh_hangs_and_the_old_ones_are_valid(lives_s: float) -> None:
    role = Role()
    role.may_answer.clear()
    source = source_of(role, lives_s)
    try:
        assert source.current().access_key == "old"
        assert role.entered.wait(WITHIN_S)
        assert source.ready()
        assert {source.current().access_key for _ in range(50)} == {"old"}
        assert role.asked == 1
        assert len(refreshers()) == 1
    finally:
        role.may_answer.set()
    finish_refresh()
    assert source.current().access_key == "new"
    assert role.asked == 1


@pytest.mark.parametrize("lives_s", [STILL_GOOD_S - 1, 0, -3600])
def test_a_request_waits_when_the_old_ones_are_over(lives_s: float) -> None:
    role = Role()
    role.may_answer.clear()
    source = source_of(role, lives_s)
    assert not source.ready()
    given: list[str] = []
    waiting = [threading.Thread(target=lambda: given.append(source.current().access_key)) for _ in range(8)]
    for thread in waiting:
        thread.start()
    try:
        assert role.entered.wait(WITHIN_S)
        assert given == []
        assert not source.ready()
    finally:
        role.may_answer.set()
    for thread in waiting:
        thread.join(WITHIN_S)
    assert given == ["new"] * 8
    assert role.asked == 1
    assert source.ready()


def test_new_values_are_never_missed_by_who_sees_their_end() -> None:
    """botocore publishes the new end before `current` has the new values: whoever sees it must not get the old."""
    role = Role()
    source = source_of(role, -1)
    found = source._found
    published, may_return = threading.Event(), threading.Event()
    fetch = found.get_frozen_credentials

    def slow() -> Any:
        frozen = fetch()
        published.set()
        assert may_return.wait(WITHIN_S)
        return frozen

    found.get_frozen_credentials = slow
    given: list[str] = []
    first = threading.Thread(target=lambda: given.append(source.current().access_key))
    first.start()
    assert published.wait(WITHIN_S)
    second = threading.Thread(target=lambda: given.append(source.current().access_key))
    second.start()
    assert not source.ready()
    may_return.set()
    for thread in (first, second):
        thread.join(WITHIN_S)
    assert given == ["new", "new"]


def test_a_failed_early_refresh_keeps_valid_credentials_and_is_tried_again_after_a_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    role = Role()
    role.fail(OSError("no route to the metadata service"))
    source = source_of(role, 5 * 60)
    with caplog.at_level(logging.WARNING, logger="xaccel"):
        assert source.current().access_key == "old"
        finish_refresh()
        assert {source.current().access_key for _ in range(20)} == {"old"}
        finish_refresh()
    assert source.ready()
    assert role.asked == 1
    assert len([record for record in caplog.records if record.name == "xaccel"]) == 1
    assert PAUSE_S > 1
    role.answer = lambda: issued("new", 3600)
    after_the_failure(source)
    source._next_ahead -= PAUSE_S
    source.current()
    finish_refresh()
    assert source.current().access_key == "new"


def test_a_failed_refresh_in_the_last_seconds_gives_the_old_ones_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    role = Role()
    role.fail(OSError("no route"))
    source = source_of(role, STILL_GOOD_S - 10)
    assert {source.current().access_key for _ in range(20)} == {"old"}
    assert role.asked == 1
    assert caplog.text.count("the old ones expire soon: S3Origin(") == 1
    role.answer = lambda: issued("new", 3600)
    after_the_failure(source)
    assert source.current().access_key == "new"


class Surprise(Exception):
    """What a credential plug-in may raise."""


@pytest.mark.parametrize(
    "error", [OSError("no route"), ValueError("not JSON"), KeyError("Token"), Surprise("x")]
)
def test_a_failed_refresh_of_expired_credentials_is_an_error_and_retried(error: Exception) -> None:
    role = Role()
    role.fail(error)
    source = source_of(role, -1)
    for _ in range(2):
        with pytest.raises(CredentialsUnavailable, match=type(error).__name__):
            source.current()
        assert not source.ready()
    assert role.asked == 1
    role.answer = lambda: issued("new", 3600)
    after_the_failure(source)
    assert source.current().access_key == "new"


class CountedLock:
    """A lock that says how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.came = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("remembered_s", [FAILED_S, 0])
def test_all_who_wait_for_a_failing_look_up_get_its_error(
    monkeypatch: pytest.MonkeyPatch, remembered_s: float
) -> None:
    """Not one look-up after the other: 16 requests would wait for 16 time-outs of the metadata service."""
    monkeypatch.setattr(credentials, "FAILED_S", remembered_s)
    role, lock = Role(), CountedLock()

    def fails() -> dict[str, Any]:
        assert all(lock.came.acquire(timeout=WITHIN_S) for _ in range(16))
        raise OSError("no route")

    role.answer = fails
    source = source_of(role, -1)
    source._lock = lock  # type: ignore[assignment]
    found: list[Exception] = []

    def ask() -> None:
        try:
            source.current()
        except CredentialsUnavailable as error:
            found.append(error)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    # One error in several threads would collect the traceback of each.
    assert (len(found), len(set(map(id, found)))) == (16, 16)
    assert role.asked == 1


def test_a_refresh_that_brings_ended_credentials_is_a_failure() -> None:
    role = Role()
    role.answer = lambda: issued("new", -60)
    source = source_of(role, -1)
    with pytest.raises(CredentialsUnavailable):
        source.current()


def test_a_thread_that_cannot_start_costs_no_request_and_is_tried_again() -> None:
    role = Role()
    source = source_of(role, 5 * 60)
    usual = threading.stack_size(1 << 46)
    try:
        assert source.current().access_key == "old"
    finally:
        threading.stack_size(usual)
    assert role.asked == 0
    source.current()
    finish_refresh()
    assert source.current().access_key == "new"


@pytest.mark.parametrize(("seconds", "known"), [(3000, True), (4000, False)])
def test_refreshed_credentials_have_a_known_lifetime(seconds: int, known: bool) -> None:
    source = source_of(Role(), 3600)
    assert source.is_valid_for(source.current(), seconds) is known


def test_old_credentials_never_get_the_expiry_of_new_ones() -> None:
    role = Role()
    source = source_of(role, REFRESH_AHEAD_S - 60)
    old = source.current()
    finish_refresh()
    assert source.current().access_key == "new"
    assert source.is_valid_for(source.current(), 3000)
    assert not source.is_valid_for(old, 3000)


def test_a_session_token_without_an_end_is_not_known_to_last() -> None:
    given_as_it_is = S3Origin(bucket="docs", access_key="a", secret_key="s", session_token="t")
    for origin, lasts in ((given_as_it_is, False), (replace(given_as_it_is, session_token=None), True)):
        source = CredentialSource(origin)
        assert source.is_valid_for(source.current(), 60) is lasts


@pytest.mark.usefixtures("fresh_endpoints")
def test_the_key_of_an_origin_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    source = CredentialSource(S3Origin(bucket="docs", access_key="own", secret_key="s", session_token="t"))
    assert not source.ready()
    assert tuple(source.current())[:3] == ("own", "s", "t")
    assert source.ready()


@pytest.mark.usefixtures("fresh_endpoints")
def test_the_environment_is_read_as_botocore_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert tuple(CredentialSource(ORIGIN).current())[:3] == ("environment", "s", "token")


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_profile_of_the_shared_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aws-credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = d\n"
        "[tenant]\naws_access_key_id = of-tenant\naws_secret_access_key = x\n"
    )
    assert CredentialSource(S3Origin(bucket="docs", profile="tenant")).current().access_key == "of-tenant"
    assert CredentialSource(ORIGIN).current().access_key == "d"
    monkeypatch.setenv("AWS_PROFILE", "tenant")
    assert CredentialSource(ORIGIN).current().access_key == "of-tenant"


def process_profile(tmp_path: Path, script: str) -> None:
    program = tmp_path / "give credentials.py"
    program.write_text(script)
    (tmp_path / "aws-config").write_text(
        f'[profile tenant]\ncredential_process = "{sys.executable}" "{program}"\n'
    )


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_credential_process_is_run_once_until_its_credentials_end(tmp_path: Path) -> None:
    count = tmp_path / "count"
    process_profile(
        tmp_path,
        f"""
import json, pathlib, datetime
count = pathlib.Path({str(count)!r})
count.write_text(count.read_text() + "x" if count.exists() else "x")
ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
print(json.dumps(dict(Version=1, AccessKeyId="run-" + count.read_text(), SecretAccessKey="s", SessionToken="t",
                      Expiration=ends.isoformat())))
""",
    )
    source = CredentialSource(S3Origin(bucket="docs", profile="tenant"))
    assert [source.current().access_key for _ in range(3)] == ["run-x"] * 3
    source._found._expiry_time = datetime.now(UTC) + timedelta(seconds=REFRESH_AHEAD_S - 60)
    assert source.current().access_key == "run-x"
    finish_refresh()
    assert tuple(source.current())[:3] == ("run-xx", "s", "t")
    assert count.read_text() == "xx"


@pytest.mark.usefixtures("fresh_endpoints")
@pytest.mark.parametrize("script", ["raise SystemExit('hush')", "print('{')", "print('{\"Version\": 2}')"])
def test_a_failing_credential_process_is_an_error_without_what_it_printed(
    tmp_path: Path, script: str
) -> None:
    process_profile(tmp_path, script)
    with pytest.raises(CredentialsUnavailable) as told:
        CredentialSource(S3Origin(bucket="docs", profile="tenant")).current()
    assert "hush" not in str(told.value)


@pytest.mark.usefixtures("fresh_endpoints")
def test_half_a_key_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    with pytest.raises(CredentialsUnavailable, match="PartialCredentialsError"):
        CredentialSource(ORIGIN).current()


def test_missing_credentials_are_reported_with_the_ways_to_give_them() -> None:
    source = CredentialSource(ORIGIN)
    with pytest.raises(CredentialsUnavailable, match="AWS_ACCESS_KEY_ID"):
        source.current()
    assert not source.ready()


def test_a_profile_that_does_not_exist_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no-such"):
        CredentialSource(S3Origin(bucket="docs", profile="no-such")).current()
