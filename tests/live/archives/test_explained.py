"""`xaccel explain` names the member that broke an archive; `xaccel trace` shows the assembler, and no ticket."""

from __future__ import annotations

import pytest

from tests.live.archives.scene import Scene, in_project
from tests.live.commands import explain, run
from xaccel.site.keys import nginx_token

pytestmark = pytest.mark.variants("deb", "deb-njs")  # without njs, a member fails after it came


def broken(archives: Scene, user: str) -> list[str]:
    """Break an archive by its third member, and return the arguments of `explain`."""
    rows = [archives.put(f"explained/{number}", bytes([number]) * 90_000) for number in range(4)]
    archives.archive("explained", rows)
    archives.put("explained/2", b"replaced")
    assert archives.get("explained", headers={"X-User": user}).is_cut
    [entry] = archives.nginx.lines(1, containing=f'"subject":"{user}"')
    folder = archives.nginx.directory
    return [entry["id"], "--log", f"{folder}/xaccel.log", "--members", f"{folder}/members.log"]


def test_explain_names_the_member_that_broke_an_archive(archives: Scene) -> None:
    printed = explain(archives.site, *broken(archives, "operator"))
    assert "why: origin_cut: A member or a part of the archive failed" in printed
    assert "member: 2 of origin documents, bytes 0-89999/90000: status 412, 0 bytes\n" in printed
    assert "remedy: The object was replaced after the app recorded it." in printed
    assert "Give --origin and --key of the member" in printed


def test_with_the_trail_explain_asks_the_storage_for_the_member(archives: Scene) -> None:
    arguments = broken(archives, "with-trail")
    log, members = arguments[2], arguments[4]
    printed = in_project(
        archives.folder,
        f'call_command("xaccel", "ingest", {log!r}, "--members", {members!r}, "--quiet")\n'
        f'call_command("xaccel", "explain", *{arguments!r})',
    )
    assert "object: explained/2 of origin documents\nstorage: delivers\n" in printed


def test_explain_of_a_log_without_failed_members_points_to_the_app(archives: Scene) -> None:
    arguments = broken(archives, "no-member")
    (archives.folder / "empty.log").touch()
    printed = explain(archives.site, *arguments[:4], str(archives.folder / "empty.log"))
    assert "members: none failed in " in printed
    assert "see the app's log" in printed


def test_trace_shows_the_assembler_and_no_ticket(archives: Scene) -> None:
    url = f"http://127.0.0.1:{archives.nginx.port}/zip/mixed"
    printed = run(archives.site, "trace", url, "--log", f"{archives.nginx.directory}/xaccel.log")
    assert "NGINX -> origin archives (requested separately)" in printed
    assert "end: sent." in printed
    secret = archives.site.secrets[0]
    for word in (secret, nginx_token(secret), "token=Wy"):
        assert word not in printed
