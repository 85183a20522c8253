"""A revocation ends grants at once, on each NGINX, and the app is asked again: a new right works at once too."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.conftest import config_text
from tests.live.grants.scene import BODY, SECRET, Scene, scene
from tests.servers.origin import Request
from xaccel.errors import OptionRefused, RevocationFailed
from xaccel.features.grants.grant import key_of
from xaccel.features.grants.remove_marks import SWEEPING, remove_marks
from xaccel.features.grants.revoke import Revocation, revoke
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel.site.site import Grants
from xaccel_testing import Variant, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until


@pytest.mark.parametrize("by", ["user", "session", "tag"])
def test_a_revoked_grant_is_not_used_and_others_are(grants: Scene, by: str) -> None:
    key = "c" if by == "tag" else "a"
    mine, other = grants.user(f"mine-{by}", key), grants.user(f"other-{by}", "b")
    for path, session in ((key, mine), ("b", other)):
        assert grants.get(f"/files/media/{path}", session).body == BODY
    named = {"user": f"mine-{by}", "session": mine, "tag": "object c"}
    grants.may.discard((f"mine-{by}", key))
    assert grants.calls_of(lambda: grants.get(f"/files/media/{key}", mine)) == 0
    revoke(grants.site, **{by: named[by]})
    assert [grants.get(f"/files/media/{key}", mine).status for _ in range(2)] == [403, 403]
    assert grants.calls_of(lambda: grants.get("/files/media/b", other)) == 0
    grants.may.add((f"mine-{by}", key))
    assert grants.get(f"/files/media/{key}", mine).body == BODY


@pytest.mark.parametrize("target", ["/files/media/a?x=%2F&y=%20", "/files/media/%61", "/files/media//a?"])
def test_the_app_is_asked_again_as_the_client_asked(grants: Scene, target: str) -> None:
    session = grants.user("again", "a", "/a")
    asked = []
    for _ in range(2):
        grants.get(target, session, headers={"X-Mine": "1"})
        asked.append(grants.calls[-1])
        revoke(grants.site, session=session)
    assert grants.calls_of(lambda: grants.get(target, session, headers={"X-Mine": "1"})) == 1
    asked.append(grants.calls[-1])
    assert {request.target for request in asked} == {target}
    names = [{name: value for name, value in request.headers if name != "Connection"} for request in asked]
    assert names[0] == names[1] == names[2]


def test_no_request_after_a_revocation_is_served_however_they_race(grants: Scene) -> None:
    session = grants.user("racing", "a")

    def status(_: int) -> int:
        return grants.get("/files/media/a", session, headers={"Range": "bytes=0-9"}).status

    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            assert status(0) == 206
            grants.may.discard(("racing", "a"))
            revoke(grants.site, user="racing")
            assert set(threads.map(status, range(16))) == {403}
            grants.may.add(("racing", "a"))


def test_a_decision_that_was_made_before_the_revocation_is_not_used_after_it(grants: Scene) -> None:
    """The app has decided, its response is on the way, and the permission is taken away meanwhile."""
    session = grants.user("slow", "a")
    decided, revoked = threading.Event(), threading.Event()

    def before(_: Request) -> None:
        decided.set()
        assert revoked.wait(60)

    may = set(grants.may)
    grants.before = before
    with ThreadPoolExecutor(1) as threads:
        reply = threads.submit(grants.get, "/files/media/a", session)
        assert decided.wait(60)
        revoke(grants.site, user="slow")
        revoked.set()
        assert reply.result(60).status == 200
    grants.before = lambda _: None
    assert grants.may == may
    grants.may.discard(("slow", "a"))
    assert grants.get("/files/media/a", session).status == 403


def test_an_empty_file_with_the_name_of_the_key_revokes_whoever_wrote_it(grants: Scene) -> None:
    folder = Path(f"{grants.site.grants_folder}-revoked")
    revoke(grants.site, user="somebody")
    assert (folder / key_of(grants.site, "user", "somebody")).stat().st_size == 0
    session = grants.user("by-a-process", "a")
    assert grants.get("/files/media/a", session).status == 200
    grants.may.discard(("by-a-process", "a"))
    (folder / key_of(grants.site, "user", "by-a-process")).touch()
    assert grants.get("/files/media/a", session).status == 403


def test_a_removed_mark_leaves_no_grant_that_it_ended(variant: Variant, tmp_path: Path) -> None:
    """Not even in a worker that has the file of the grant open. Meanwhile NGINX confirms no revocation."""
    with scene(tmp_path, variant) as made:
        session = made.user("old", "a")
        folder = Path(f"{made.site.grants_folder}-revoked")
        assert made.get("/files/media/a", session).status == 200
        made.may.discard(("old", "a"))
        revoke(made.site, user="old")
        assert made.get("/files/media/a", session).status == 403
        assert remove_marks(made.site, stored_s=0, compared_s=0) == 1
        assert not list(folder.iterdir())
        assert made.get("/files/media/a", session).status == 403
        made.may.add(("old", "a"))
        assert made.calls_of(lambda: [made.get("/files/media/a", session) for _ in range(3)]) == 1
        (folder / SWEEPING).touch()
        token = f"{TOKEN_HEADER}: {nginx_token(SECRET)}"
        line = f"POST /_xaccel/.revoke/{key_of(made.site, 'user', 'old')}"
        assert made.raw(line, token, "Content-Length: 0") == 503
        (folder / SWEEPING).unlink()
        assert made.raw(line, token, "Content-Length: 0") == 200


@pytest.mark.parametrize("replacement", [None, "file", "link"])
def test_no_grant_is_used_while_nginx_cannot_look_at_revocations(
    grants: Scene, tmp_path: Path, replacement: str | None
) -> None:
    """The app is asked about each request, and a new revocation fails."""
    folder, session = Path(f"{grants.site.grants_folder}-revoked"), grants.user("unknown", "a")
    assert grants.get("/files/media/a", session).status == 200
    grants.may.discard(("unknown", "a"))
    revoke(grants.site, user="unknown")
    folder.rename(tmp_path / "away")
    try:
        if replacement == "file":
            folder.touch()
        if replacement == "link":
            folder.symlink_to(tmp_path / "nowhere")
        assert [grants.get("/files/media/a", session).status for _ in range(2)] == [403, 403]
        grants.may.add(("unknown", "a"))
        assert grants.calls_of(lambda: [grants.get("/files/media/a", session) for _ in range(3)]) == 3
        assert not Revocation(grants.site, user="unknown").send()
    finally:
        folder.unlink(missing_ok=True)
        (tmp_path / "away").rename(folder)
    grants.may.discard(("unknown", "a"))
    assert grants.get("/files/media/a", session).status == 403


def test_an_nginx_that_is_not_reached_is_named_until_it_has_the_revocation(
    grants: Scene, variant: Variant, tmp_path: Path
) -> None:
    """Of two NGINX one is down. Then it starts, and gets the revocation without another call."""
    port = free_port()
    site = two_of(grants, port)
    session = grants.user("two", "a")
    assert grants.get("/files/media/a", session).status == 200
    grants.may.discard(("two", "a"))
    with pytest.raises(RevocationFailed, match=f"did not reach http://127.0.0.1:{port} "):
        revoke(site, user="two")
    assert grants.get("/files/media/a", session).status == 403
    own = replace(
        site.grants or Grants(app="", paths=()),
        app=grants.app.address,
        listen=f"127.0.0.1:{free_port()}",
        folder=str(tmp_path / "second" / "grants"),
    )
    text = config_text(replace(grants.site, grants=own), variant, grants.app.address, port)
    with nginx_server(tmp_path / "second", text, binary=variant.binary, ready_port=port):
        assert wait_until(lambda: any(Path(f"{own.folder}-revoked").iterdir()), timeout_s=60)


def two_of(grants: Scene, port: int):  # type: ignore[no-untyped-def]
    """The site, whose app knows this NGINX and one at another port."""
    assert grants.site.grants is not None
    urls = (f"http://127.0.0.1:{grants.port}", f"http://127.0.0.1:{port}")
    return replace(grants.site, grants=replace(grants.site.grants, nginx=urls))


def test_another_nginx_with_another_secret_refuses(grants: Scene) -> None:
    site = replace(grants.site, secrets=("x" * 40,))
    revocation = Revocation(site, user="alice")
    assert not revocation.send()
    assert list(revocation.missing.values()) == ["status 404"]


@pytest.mark.parametrize("end", ["%0a", "%0d%0a", "%00", "/", "0", ".."])
def test_an_address_that_is_not_one_key_revokes_nothing(grants: Scene, end: str) -> None:
    token = f"{TOKEN_HEADER}: {nginx_token(SECRET)}"
    line = f"POST /_xaccel/.revoke/{'0' * 64}{end}"
    assert 400 <= grants.raw(line, token, "Content-Length: 0") < 500


def test_both_secrets_revoke_while_they_rotate(variant: Variant, tmp_path: Path) -> None:
    new = "x" * 40
    with scene(tmp_path, variant, SECRET=[new, SECRET]) as made:
        for secret in (new, SECRET):
            assert Revocation(replace(made.site, secrets=(secret,)), user="alice").send()


def test_another_secret_or_max_grant_has_other_grants(variant: Variant, tmp_path: Path) -> None:
    """Those of before are not used, and NGINX deletes their files after `max_grant` seconds without a use.

    With a shorter `max_grant` its marks would end before a revoked grant of before.
    """
    with scene(tmp_path, variant) as made:
        session = made.user("rotated", "a")
        assert made.get("/files/media/a", session).status == 200
        assert made.site.grants is not None
        grants = replace(made.site.grants, app=made.app.address)
        shorter = replace(made.site, grants=replace(grants, max_grant=60))
        rotated = replace(made.site, secrets=("x" * 40, SECRET), grants=grants)
        for other in (shorter, rotated):
            made.nginx.reload(config_text(other, variant, made.app.address, made.port))
            assert made.calls_of(lambda: made.get("/files/media/a", session)) == 1
        assert "inactive=300s" in made.text


def test_a_revocation_of_nothing_is_an_error(grants: Scene) -> None:
    for named in ({}, {"user": ""}, {"tag": None}):
        with pytest.raises(OptionRefused, match="nothing to revoke"):
            revoke(grants.site, **named)


def test_an_nginx_that_is_killed_has_the_revocation_when_it_runs_again(
    variant: Variant, tmp_path: Path
) -> None:
    """Its folders are still there: it must not use what it has without the mark."""
    with scene(tmp_path, variant) as made:
        session = made.user("killed", "a")
        assert made.get("/files/media/a", session).status == 200
        made.may.discard(("killed", "a"))
        revoke(made.site, user="killed")
        for pid in made.nginx.pids:
            os.kill(pid, signal.SIGKILL)
        with nginx_server(made.nginx.directory, made.text, binary=variant.binary, ready_port=made.port):
            assert made.get("/files/media/a", session).status == 403
