"""What happens to logs, as a table of stories: no entry is lost, none is doubled, and nobody comes back."""

from __future__ import annotations

import gc
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.audit.conftest import Log, forbidden, ids
from tests.audit.log_world import World
from xaccel.audit.log.log_file import digest
from xaccel.audit.models import Download, LogPosition, RejectedLine, Removal, Transfer

pytestmark = pytest.mark.django_db(transaction=True)

STORIES = {
    "the log goes on": "write, take, write, take",
    "NGINX has not reopened a renamed log": "write, take, rename, write-late, take, write, write-late, take",
    "rotated after it was empty": "write, take, rename, age, take, write, rename, write, take",
    "several rotations at once": "write 2, take, write 1, rename, write, rename, write, rename, write, take",
    "the same with the names of logrotate": "write 2, take, write 1, rename-shifting, write, rename-shifting, write,"
    " rename-shifting, write, take",
    "rotated again before the rest of the rotated file was read": "write, take, rename, write, take, write, rename,"
    " write, take",
    "compressed": "write 2, take, write, rename, compress, take",
    "half compressed": "write 2, take, write 400, rename, age, compress 50, write, take",
    "compression has begun": "write 2, take, write 400, rename, age, compress 0, write, take",
    "compression has nearly ended": "write 2, take, write 400, rename, age, compress 99, write, take",
    "copied and truncated": "write 2, take, write, copytruncate, write, take",
    "copied, truncated and grown": "write 2, take, copytruncate, write 9, take",
    "a copy under another inode": "write, take, restore, write, take",
    "a file beside it is no log": "write, take, note, rename, age, write, take",
    "a rotated file without an end of line": "write, write-without-end, take, rename, age, write, take",
    "killed in the first batch, then rotated": "write, die, rename, write, take",
    "killed in the first batch, then copied and truncated": "write, die, copytruncate, write, take",
    "rotated after its folder was listed": "write, take, rename-shifting, age, write, rename-shifting, age, write,"
    " take-rotated",
    "truncated after it was opened": "write, take-cut 9, take",
    **{
        f"copied and truncated between batches of {batch}, {before} entries were read": f"write {before}, take,"
        f" write {8 - before}, take-copytruncated {batch}"
        for batch in (1, 4)
        for before in (0, 2)
    },
    **{
        f"cut by {gone} bytes, {more} entries follow": f"write 20, take, cut {gone}, write {more}, take, write, take"
        for gone in (1, 300, 2000, 100_000)
        for more in (1, 4, 60)
    },
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_each_entry_is_stored_once(tmp_path: Path, story: str) -> None:
    world = World(tmp_path)
    world.play(story)
    assert ids() == set(world.texts)
    assert (world.counted["duplicates"], world.counted["rejected"]) == (0, 0)
    if "cut" not in story:
        assert world.counted["lost"] == 0
    world.take()
    assert world.counted["lines"] == 0
    world.check()


def test_a_truncated_log_without_a_copy_is_reported(tmp_path: Path, caplog: Any) -> None:
    world = World(tmp_path)
    world.play("write 5, take, truncate, write, take")
    assert (ids(), world.counted["lost"]) == (set(world.texts), 1)
    assert "lost" in caplog.text


@pytest.mark.parametrize(
    ("story", "drain_s"),
    [
        ("write 20, take, cut 5000, write, rename, write, take", 60.0),
        ("write, take, truncate, take, write, rename, write, take", 60.0),
        # Two bytes are left of an entry, and rotated away: each log begins with them.
        ("write 1, take, truncate 2, rename, write 1, take, take, take", 0.000_001),
    ],
)
def test_a_log_that_is_cut_and_rotated_is_read_again(tmp_path: Path, story: str, drain_s: float) -> None:
    world = World(tmp_path, drain_s)
    world.play(story)
    assert ids() == set(world.texts)


def test_a_rotated_file_that_is_the_log_again_is_read_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.play("write, take, rename, age, write, take, take, come-back, write, take")
    assert (ids(), world.counted["duplicates"]) == (set(world.texts), 0)
    # Its row is open, so the next reads need no other row for the same file.
    rows = LogPosition.objects.count()
    world.play("write, take, write, take")
    assert LogPosition.objects.count() == rows


def test_a_rotated_file_that_was_left_alone_is_finished(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.play("write, take, rename, write, take")
    assert not LogPosition.objects.filter(finished=True).exists()
    world.play("age, take")
    assert LogPosition.objects.filter(finished=True).count() == 1


def test_a_log_is_recognised_by_its_first_kilobyte_once_it_has_that(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.play("write 1, take, write 9, take")
    row = LogPosition.objects.get()
    assert (row.start_length, row.start) == (1024, digest(world.log.path.read_bytes()[:1024]))


def test_idle_compressed_files_are_not_decompressed_again_and_again(tmp_path: Path, monkeypatch: Any) -> None:
    opened: list[Any] = []
    real = gzip.open
    monkeypatch.setattr(gzip, "open", lambda path: opened.append(path) or real(path))
    world = World(tmp_path)
    world.play("write, rename, age, compress")  # of another log
    world.rotated[-1].with_name("xaccel.log-0009.gz").write_bytes(world.damage())
    other, ingest = set(world.texts), world.ingest()
    world.write(2)
    assert ingest.ingest_available()
    world.play("write, rename, compress")
    assert [ingest.ingest_available() for _ in range(6)] == [True] + [False] * 5
    assert max(map(opened.count, opened)) == 2  # for the rest, and to see that there is none
    world.write()
    assert ingest.ingest_available()
    assert (ids(), ingest.counted["lost"]) == (set(world.texts) - other, 0)


def test_a_damaged_file_is_reported_and_read_once_it_is_whole(tmp_path: Path, caplog: Any) -> None:
    world = World(tmp_path)
    world.play("write, take, rename, age, write 400")
    lost = set(world.texts) - ids()
    world.play("rename, compress")
    whole = world.damage()
    world.play("write, take")
    assert ids() == set(world.texts) - lost
    assert f"cannot be read, and is tried again: {world.rotated[-1]}" in caplog.text
    world.rotated[-1].write_bytes(whole)
    world.take()
    assert (ids(), world.counted["duplicates"]) == (set(world.texts), 0)


def test_a_file_that_must_not_be_read_is_reported_and_read_once_it_may_be(open_log: Log, caplog: Any) -> None:
    world = World(open_log.path.parent)
    world.play("write, take, write, rename, age")
    late = set(world.texts) - ids()
    world.write()
    with forbidden(world.rotated[-1]):
        world.take()
    assert (ids(), world.counted["lost"]) == (set(world.texts) - late, 0)
    assert str(world.rotated[-1]) in caplog.text
    world.take()
    assert ids() == set(world.texts)


def test_a_reader_that_stops_early_leaves_no_file_open(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    world = World(tmp_path)
    world.play("write, take, rename, write, take, write-late, take, write-late")
    world.ingest(stopped=lambda: True).ingest_available()
    gc.collect()
    assert [each.message for each in recwarn if each.category is ResourceWarning] == []


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 30)),
    st.tuples(st.just("write_no_entry")),
    st.tuples(st.just("take")),
    st.tuples(st.just("cut"), st.one_of(st.integers(1, 3000), st.integers(1, 40_000))),
    st.tuples(st.just("regrow"), st.integers(1, 5000)),
    st.tuples(st.just("rename")),
    st.tuples(st.just("copytruncate")),
    st.tuples(st.just("reuse_inode")),
    st.tuples(st.just("prune"), st.floats(0, 0.99)),
    st.tuples(st.just("forget"), st.sampled_from(["ada", "bob"])),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=4, max_size=25), st.sampled_from([0.000_001, 60.0]))
def test_no_entry_is_lost_or_doubled_and_no_forgotten_user_returns(steps: list[Any], drain_s: float) -> None:
    for model in (Transfer, Download, RejectedLine, LogPosition, Removal):
        connection.cursor().execute(f"DELETE FROM {model._meta.db_table}")
    with TemporaryDirectory() as folder:
        world = World(Path(folder), drain_s)
        world.play("write 1, take")
        for name, *arguments in steps:
            said = getattr(world, name)(*arguments)
            if name == "reuse_inode":
                event(f"the inode was used again: {said}")
        world.check()
