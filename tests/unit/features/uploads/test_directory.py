"""The file of an upload in a directory gets its name once, whole and right, or is deleted."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import stat
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.pages import FENCE, ROOT, replace_each, text
from xaccel.errors import ConfigError
from xaccel.features.archives.crc import file_etag
from xaccel.features.uploads.decide import Upload
from xaccel.features.uploads.directory import forget, has_room, keep, leftovers
from xaccel.site.origins import LocalOrigin

BODY = b"a file of five blocks" * 250_000
CRC32 = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
UPLOAD = Upload(
    "019aae21-0000-7000-8000-000000000000", "disk", "", "2026/a/ff", len(BODY), "text/plain", CRC32, "7"
)


@pytest.fixture
def origin(tmp_path: Path) -> LocalOrigin:
    made = LocalOrigin(root=f"{tmp_path}/")
    Path(made.staging).mkdir()
    return made


def stage(origin: LocalOrigin, body: bytes = BODY) -> Path:
    """Write what NGINX writes."""
    staged = Path(origin.staging, UPLOAD.id)
    staged.write_bytes(body)
    return staged


def files(origin: LocalOrigin) -> list[str]:
    return [str(path.relative_to(origin.root)) for path in Path(origin.root).rglob("*") if path.is_file()]


@pytest.mark.parametrize("crc32", [CRC32, ""])
def test_a_right_file_gets_its_name_and_the_entity_tag_of_nginx(origin: LocalOrigin, crc32: str) -> None:
    stage(origin)
    upload = UPLOAD._replace(crc32=crc32)
    kept = keep(origin, upload)
    assert kept == upload._replace(etag=file_etag(Path(origin.root, UPLOAD.key).stat()))
    assert files(origin) == [UPLOAD.key]
    assert Path(origin.root, UPLOAD.key).read_bytes() == BODY
    assert keep(origin, upload) == kept, "NGINX may report it twice"


@pytest.mark.parametrize("wrong", [BODY[:-1], BODY[:-1] + b"x", b"", BODY + b"x"])
def test_a_wrong_file_is_deleted(origin: LocalOrigin, wrong: bytes) -> None:
    stage(origin, wrong)
    assert keep(origin, UPLOAD) is None
    assert files(origin) == []


def test_a_missing_file_is_none(origin: LocalOrigin) -> None:
    assert keep(origin, UPLOAD) is None
    forget(origin, UPLOAD)


def test_a_file_that_has_the_name_is_never_replaced(origin: LocalOrigin) -> None:
    there = Path(origin.root, UPLOAD.key)
    there.parent.mkdir(parents=True)
    there.write_bytes(b"old")
    stage(origin)
    assert keep(origin, UPLOAD) is None
    assert there.read_bytes() == b"old"


def test_an_app_that_was_killed_between_both_names_continues(origin: LocalOrigin) -> None:
    named = Path(origin.root, UPLOAD.key)
    named.parent.mkdir(parents=True)
    os.link(stage(origin), named)
    assert keep(origin, UPLOAD) is not None
    assert files(origin) == [UPLOAD.key]


def test_several_witnesses_at_once_see_the_same(origin: LocalOrigin) -> None:
    for _ in range(20):
        stage(origin)
        with ThreadPoolExecutor(4) as threads:
            found = set(threads.map(lambda _: keep(origin, UPLOAD), range(4)))
        assert len(found) == 1
        assert found != {None}
        forget(origin, UPLOAD)
        assert files(origin) == []


def test_a_file_that_the_app_may_not_keep_is_a_clear_error(
    origin: LocalOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, whom the system refuses nothing."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    staged = stage(origin)
    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(ConfigError, match="group"):
        keep(origin, UPLOAD)
    assert staged.exists(), "the sweep keeps it, once the app may"


LEFT = "019aae21-0000-7000-8000-000000000001"
LEFTOVERS = ["0000000001", LEFT, f"{LEFT}.0000000002"]
OTHERS = ["letter.txt", "000000001", "00000000010", f"{LEFT}.jpg", f"{LEFT[:-1]}.0000000002", ".0000000003"]


def leave(origin: LocalOrigin, at: float) -> None:
    """Put files of NGINX and of others into the staging folder, which were last written `at`."""
    staging = Path(origin.staging)
    for name in [*LEFTOVERS, *OTHERS, UPLOAD.id, f"{UPLOAD.id}.0000000004"]:
        (staging / name).touch()
        os.utime(staging / name, (at, at))
    (staging / "0000000005").symlink_to(staging / "letter.txt")
    for folder in ("2026120301", "mine"):
        (staging / folder).mkdir()
        (staging / folder / "0000000006").touch()
        for path in (staging / folder / "0000000006", staging / folder):
            os.utime(path, (at, at))


def test_leftovers_are_old_files_of_nginx_that_nobody_awaits(origin: LocalOrigin) -> None:
    now = time.time()
    leave(origin, now - 100)
    Path(origin.staging, "0000000007").touch()
    assert sorted(path.name for path in leftovers(origin, now - 50, {UPLOAD.id})) == LEFTOVERS
    shutil.rmtree(origin.staging)
    assert list(leftovers(origin, now, ())) == []
    Path(origin.staging).touch()
    with pytest.raises(NotADirectoryError):
        list(leftovers(origin, now, ()))


@pytest.mark.parametrize(("size", "expected"), [(1, True), (1 << 80, False)])
def test_a_file_that_the_disk_has_no_room_for(origin: LocalOrigin, size: int, expected: bool) -> None:
    assert has_room(origin, UPLOAD._replace(size=size)) is expected


def test_the_command_of_the_page_deletes_files_that_nobody_has_written_for_eight_hours(
    origin: LocalOrigin,
) -> None:
    page = text(ROOT / "docs/integrate/upload-directory.md")
    [command] = [code for kind, code in FENCE.findall(page) if kind == "sh"]
    assert "/srv/media/" in command
    now = time.time()
    leave(origin, now - 9 * 3600)
    Path(origin.root, "0000000001").write_text("old too, and not of the folder")
    for path, at in ((stage(origin), now - 7 * 3600), (Path(origin.root, "0000000001"), now - 9 * 3600)):
        os.utime(path, (at, at))
    before = set(Path(origin.root).rglob("*"))
    local = command.strip().replace("/srv/media/", shlex.quote(origin.root))
    subprocess.run(["sh", "-ec", local], check=True)
    after = set(Path(origin.root).rglob("*"))
    assert sorted(path.name for path in before - after) == sorted([*LEFTOVERS, f"{UPLOAD.id}.0000000004"])


def test_the_folder_of_the_page_is_for_nginx_and_the_group_of_the_app(tmp_path: Path) -> None:
    page = text(ROOT / "docs/integrate/upload-directory.md")
    [command] = [code for kind, code in FENCE.findall(page) if kind == "console"]
    users = {"-o www-data": f"-o {os.getuid()}", "-g app": f"-g {os.getgid()}", "/srv/media": str(tmp_path)}
    local = replace_each(command.strip().removeprefix("# "), users)
    subprocess.run(["sh", "-ec", local], check=True)
    assert stat.S_IMODE(Path(tmp_path, ".xaccel-uploads").stat().st_mode) == 0o2770
