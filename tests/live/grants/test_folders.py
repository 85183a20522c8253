"""A grant for a folder: one question to the app for all its objects, of each kind of origin, and nothing beside it."""

from __future__ import annotations

import pytest

from tests.live.grants.scene import FOLDER, ORIGINS, SEGMENTS, Scene, segment
from xaccel.features.grants.revoke import revoke

PLACE = "/files/{}/films/7/"


def signatures(grants: Scene) -> int:
    return sum(request.target.startswith("/_xaccel/.sign/") for request in grants.calls)


@pytest.mark.parametrize(
    ("origin", "count"),
    [
        ("media", SEGMENTS),
        ("partner", 60),
        ("bucket", 60),
        pytest.param("partner", SEGMENTS, marks=pytest.mark.slow),
        pytest.param("bucket", SEGMENTS, marks=pytest.mark.slow),
    ],
)
def test_the_segments_of_a_film_are_one_question_and_an_entry_each(
    grants: Scene, origin: str, count: int
) -> None:
    user = f"{origin}-{count}"
    session, before = grants.user(user, FOLDER), signatures(grants)

    def plays() -> None:
        for number in range(count):
            reply = grants.get(f"{PLACE.format(origin)}s{number}.ts", session)
            assert (reply.status, reply.body) == (200, segment(f"s{number}.ts"))
            assert reply.one("Content-Type") == "video/mp2t"
            assert reply.one("Content-Disposition") == f'inline; filename="s{number}.ts"'

    calls = grants.calls_of(plays)
    assert calls - (signatures(grants) - before) == 1
    if origin != "bucket":
        assert calls == 1
    entries = grants.entries(count, subject=user)
    assert len({entry["id"] for entry in entries}) == len(entries) == count
    assert len({entry["id"][:24] for entry in entries}) == 1
    [first] = [entry["id"] for entry in entries if not entry["note"]]
    noted = {entry["note"] for entry in entries if entry["note"]}
    rest = range(1, count)
    assert noted == {f"grant:{first}&key=films/7/s{number}.ts&filename=s{number}.ts" for number in rest}
    assert {(entry["why"], entry["origin"]) for entry in entries} == {("", origin)}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("list.m3u8", "application/vnd.apple.mpegurl"),
        ("4/5/6.png", "image/png"),
        ("c/.zarray", "application/octet-stream"),
    ],
)
def test_each_object_has_its_own_name_and_type(grants: Scene, origin: str, name: str, type_: str) -> None:
    """Whether the app is asked or not."""
    session = grants.user(f"{origin}-{len(name)}", FOLDER)
    for _ in range(2):
        reply = grants.get(PLACE.format(origin) + name, session)
        assert (reply.status, reply.body) == (200, segment(name))
        assert reply.one("Content-Type") == type_
        assert reply.one("Content-Disposition").endswith(f'; filename="{name.rpartition("/")[2]}"')


def test_users_share_signatures_and_no_permission(grants: Scene) -> None:
    first, second, eve = (
        grants.user(f"shares-{number}", *folders) for number, folders in enumerate([[FOLDER], [FOLDER], []])
    )
    paths = [f"{PLACE.format('bucket')}s{number}.ts" for number in range(100, 110)]
    grants.calls_of(lambda: [grants.get(path, first) for path in paths])
    before = signatures(grants)
    assert grants.calls_of(lambda: [grants.get(path, second) for path in paths]) == 1
    assert signatures(grants) == before
    assert {grants.get(path, eve).status for path in paths} == {403}
    assert signatures(grants) == before


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_head_and_a_range_are_of_the_object(grants: Scene, origin: str) -> None:
    session, path = grants.user(f"head-{origin}", FOLDER), f"{PLACE.format(origin)}s1.ts"
    for _ in range(2):
        reply = grants.get(path, session, method="HEAD")
        assert (reply.status, reply.one("Content-Length"), reply.body) == (
            200,
            str(len(segment("s1.ts"))),
            b"",
        )
    if origin != "partner":
        part = grants.get(path, session, headers={"Range": "bytes=3-6"})
        assert (part.status, part.body) == (206, segment("s1.ts")[3:7])


@pytest.mark.parametrize("by", ["user", "session", "tag"])
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_revoked_folder_asks_the_app_again(grants: Scene, origin: str, by: str) -> None:
    name = f"gone-{origin}-{by}"
    session = grants.user(name, FOLDER)
    paths = [f"{PLACE.format(origin)}s{number}.ts" for number in range(3)]
    assert [grants.get(path, session).status for path in paths] == [200] * 3
    grants.may.discard((name, FOLDER))
    revoke(grants.site, **{by: {"user": name, "session": session, "tag": f"folder of {name}"}[by]})
    assert [grants.get(path, session).status for path in paths] == [403] * 3
    grants.may.add((name, FOLDER))
    assert [grants.get(path, session).body for path in paths] == [segment(f"s{n}.ts") for n in range(3)]
