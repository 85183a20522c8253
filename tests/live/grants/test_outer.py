"""Grants inside an operator's own settings."""

from __future__ import annotations

from pathlib import Path

from tests.live.front.guest import AWKWARD
from tests.live.grants.scene import BODY, scene
from xaccel.features.grants.revoke import revoke
from xaccel_testing import Variant

OPEN_FILES = "open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h; open_file_cache_errors on;"
"""NGINX would see a mark an hour later."""


def test_a_grant_is_kept_and_revoked_whatever_the_operator_set(variant: Variant, tmp_path: Path) -> None:
    """Access rules, which are the operator's own for the app's locations too, are left out."""
    outer, _, rest = AWKWARD.partition("satisfy all;")
    outer += "\n".join([*rest.splitlines()[3:-1], OPEN_FILES]).replace("limit_rate 20k;", "")

    def change(text: str) -> str:
        changed = text.replace("server_tokens off;", outer.replace("server_tokens on;", ""))
        assert changed != text
        return changed

    with scene(tmp_path, variant, change=change) as made:
        session = made.user("alice", "a")

        def thrice() -> None:
            for _ in range(3):
                reply = made.get("/files/media/a", session, headers={"Range": "bytes=0-9"})
                assert (reply.status, reply.body) == (206, BODY[:10])

        assert made.calls_of(thrice) == 1
        made.may.clear()
        thrice()
        revoke(made.site, user="alice")
        assert made.get("/files/media/a", session).status == 403


def test_the_app_gets_the_scheme_that_a_trusted_front_reports(variant: Variant, tmp_path: Path) -> None:
    def change(text: str) -> str:
        trusted = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; server_tokens off;"
        changed = text.replace("server_tokens off;", trusted)
        assert changed != text
        return changed

    with scene(tmp_path, variant, change=change) as made:
        made.get("/files/media/a", made.user("alice", "a"), headers={"X-Forwarded-Proto": "https"})
        made.get(
            "/files/media/a",
            made.user("ben", "a"),
            headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"},
        )
        reported = [(call.header("X-Real-IP"), call.header("X-Forwarded-Proto")) for call in made.calls]
        assert reported == [("127.0.0.1", "http"), ("192.0.2.7", "https")]
