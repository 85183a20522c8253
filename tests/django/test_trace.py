"""The app's answer to `xaccel trace`, once for each key where the cache is one for all processes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.test import AsyncClient, Client

from tests.adapters.alone import found_alone
from xaccel.django.conf import configuration
from xaccel.handoff.trace_key import ONE_MACHINE, make_key, report_of
from xaccel.site.protocol import TRACE_COOKIE, TRACE_HEADER, name_in_environ

FILES = "django.core.cache.backends.filebased.FileBasedCache"
TRACE = name_in_environ(TRACE_HEADER)
TABLE = "django.core.cache.backends.db.DatabaseCache"


def answer(response: Any) -> dict[str, Any] | None:
    return report_of(configuration().site, [response.get("Set-Cookie", "")])


def key_for(path: str, method: str = "GET") -> dict[str, Any]:
    return {TRACE: make_key(configuration().site.secrets[0], method, f"http://testserver{path}")}


@pytest.mark.parametrize("path", ["/key/", "/key/?a=%2Fb"])
def test_a_key_is_answered_once(client: Client, path: str) -> None:
    given, plain = key_for(path), client.get(path)
    found = answer(client.get(path, **given))
    assert found is not None
    assert found["single_use"] == ONE_MACHINE
    assert dict(found["headers"])["X-Accel-Redirect"] == plain["X-Accel-Redirect"]
    again = client.get(path, **given)
    assert list(again.headers) == list(plain.headers)
    assert TRACE_COOKIE not in str(again.headers)


def test_a_coroutine_answers_too(async_client: AsyncClient) -> None:
    headers = {"Xaccel-Trace": key_for("/akey/")[TRACE]}
    assert answer(async_to_sync(async_client.get)("/akey/", headers=headers)) is not None
    assert answer(async_to_sync(async_client.get)("/akey/", headers=headers)) is None


@pytest.mark.django_db
def test_another_machine_knows_it_by_the_cache(
    client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("createcachetable", "used_keys")
    caches = {
        FILES: (str(tmp_path), ONE_MACHINE),
        TABLE: ("used_keys", "by CACHES['default'] (DatabaseCache)"),
    }
    for backend, (location, by) in caches.items():
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
        given = key_for("/key/")
        found = answer(client.get("/key/", **given))
        assert found is not None
        assert found["single_use"] == by
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        assert answer(client.get("/key/", **given)) is None
        monkeypatch.undo()


def test_a_cache_that_is_down_refuses_the_key(
    client: Client, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    settings.CACHES = {"default": {"BACKEND": FILES, "LOCATION": str(tmp_path / "file" / "no folder")}}
    assert answer(client.get("/key/", **key_for("/key/"))) is None
    assert "a trace was refused: the cache cannot remember its key (NotADirectoryError)" in caplog.text


def test_a_response_of_the_app_itself_says_so(client: Client) -> None:
    found = answer(client.get("/validators/", headers={"If-None-Match": '"v1"'}, **key_for("/validators/")))
    assert found is not None
    assert found["status"] == 304


AT_ONCE = """
import json, multiprocessing, os, sys
from django.conf import settings
settings.configure(
    CACHES={{"default": {cache!r}}}, XACCEL={{}}, INSTALLED_APPS=["xaccel.django"], SECRET_KEY="x",
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "cache.sqlite3"}}}},
)
import django
django.setup()
from django.core.management import call_command
from django.db import connection
call_command("createcachetable")
connection.close()
from xaccel.django.send_file import _spend

def use(barrier, nonces, found):
    for nonce in nonces:
        barrier.wait(60)
        found.put(_spend(nonce, __import__("time").time()) is not None)

fork = multiprocessing.get_context("fork")
barrier, found, nonces = fork.Barrier(16), fork.Queue(), [os.urandom(16).hex() for _ in range(20)]
users = [fork.Process(target=use, args=(barrier, nonces, found)) for _ in range(16)]
for user in users: user.start()
accepted = sum(found.get(timeout=60) for _ in range(16 * len(nonces)))
for user in users: user.join()
print(json.dumps({{"accepted": accepted}}))
"""


@pytest.mark.parametrize("name", ["filebased.FileBasedCache", "db.DatabaseCache"])
def test_one_of_sixteen_processes_accepts_a_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    location = "cachetable" if name.startswith("db.") else str(tmp_path / "cache")
    cache = {"BACKEND": f"django.core.cache.backends.{name}", "LOCATION": location}
    assert found_alone(AT_ONCE.format(cache=cache)) == {"accepted": 20}
