"""The app's answer to `xaccel trace`, once for each key where the cache is one for all processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from xaccel.django.conf import configuration
from xaccel.handoff import trace_key
from xaccel.handoff.trace_key import COOKIE, ENVIRON, ONE_PROCESS, make_key, report_of

FILES = "django.core.cache.backends.filebased.FileBasedCache"


def answer(response: Any) -> dict[str, Any] | None:
    return report_of(configuration().site, [response.get("Set-Cookie", "")])


def key_for(path: str, method: str = "GET") -> dict[str, Any]:
    return {ENVIRON: make_key(configuration().site.secrets[0], method, f"http://testserver{path}")}


@pytest.mark.parametrize("path", ["/key/", "/key/?a=%2Fb"])
def test_a_key_is_answered_once(client: Client, path: str) -> None:
    given, plain = key_for(path), client.get(path)
    found = answer(client.get(path, **given))
    assert found is not None
    assert found["single_use"] == ONE_PROCESS
    assert dict(found["headers"])["X-Accel-Redirect"] == plain["X-Accel-Redirect"]
    again = client.get(path, **given)
    assert list(again.headers) == list(plain.headers)
    assert COOKIE not in str(again.headers)


def test_a_coroutine_answers_too(async_client: AsyncClient) -> None:
    headers = {"Xaccel-Trace": key_for("/akey/")[ENVIRON]}
    assert answer(async_to_sync(async_client.get)("/akey/", headers=headers)) is not None
    assert answer(async_to_sync(async_client.get)("/akey/", headers=headers)) is None


def test_another_process_knows_it_by_the_cache(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.CACHES = {"default": {"BACKEND": FILES, "LOCATION": str(tmp_path)}}
    given = key_for("/key/")
    found = answer(client.get("/key/", **given))
    assert found is not None
    assert found["single_use"] == "by CACHES['default'] (FileBasedCache)"
    trace_key._spent.clear()
    assert answer(client.get("/key/", **given)) is None


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
