"""`ingest` is killed at random points while its log grows and is rotated: no line is lost, none counts twice."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import IO, Any

import pytest
from django.db.models import Count, Sum

from tests.audit.conftest import ids
from tests.audit.ingester import process
from tests.audit.log_world import BYTES, World
from xaccel.audit.models import Download, LogPosition, RejectedLine, Transfer
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# Django's start has read the settings already.
BEFORE = (
    "ingest.BATCH = {batch}; command.POLL_S = 0.01; from django.conf import settings;"
    "settings.XACCEL_AUDIT = {{'DRAIN_S': {drain_s}}}; command.audit_settings.cache_clear()"
)
TELLING = (
    "; from tests.audit.ingester import telling; ingest.Ingest._take = telling(ingest.Ingest._take);"
    "print('ready', flush=True)"
)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    seed = request.config.getoption("randomly_seed", default=None)  # None with `-p no:randomly`
    print(f"to repeat this run: --randomly-seed={seed}")
    return World(tmp_path)


def rename(world: World) -> None:
    """NGINX goes on writing to the old file for a moment."""
    world.rename()
    world.write_late()


def copytruncate(world: World) -> None:
    """Nothing is written between the copy and the truncation: that window is logrotate's own."""
    world.write()
    world.copytruncate()


def rotate(world: World) -> None:
    random.choice([rename, copytruncate])(world)


def killed_once(world: World, lines: int, *, batch: int, within_s: float, aimed: bool) -> bool:
    """Write `lines` and rotate while `ingest` runs, and kill it: `aimed` when a batch has begun, else at some moment.

    Return whether that was in the middle of a batch.
    """
    before = BEFORE.format(batch=batch, drain_s=10) + TELLING
    running = process("--follow", str(world.log.path), before=before)
    assert running.stdout is not None
    said = b""
    try:
        assert running.stdout.readline() == b"ready\n"
        if aimed or random.random() < 0.4:  # on a slow machine the others are killed before they have begun
            done = len(ids())
            world.write()
            assert wait_until(lambda: len(ids()) > done, timeout_s=60)
        end = time.monotonic() + random.uniform(0, within_s)
        writes = 10
        rotation = random.randrange(writes + 2)  # the last two: after it was killed, or not at all
        for number in range(writes):
            world.write_half(lines // writes)
            if number == rotation:
                rotate(world)
            if time.monotonic() >= end or number == writes - 1:
                if aimed and not said:
                    said = until_a_batch_begins(running.stdout, world, batch)
                running.kill()
            time.sleep(within_s / writes / 2)
        running.wait()
        if rotation == writes:
            rotate(world)
        return (said + running.stdout.read()).endswith(b"+")
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def until_a_batch_begins(told: IO[bytes], world: World, batch: int) -> bytes:
    """Give it lines until it is seen to begin; return what it told last."""
    os.set_blocking(told.fileno(), False)
    last = b"-"

    def begun() -> bool:
        nonlocal last
        last = told.read() or last
        if last.endswith(b"-"):
            world.write(batch)
            last = b""
        return last.endswith(b"+")

    assert wait_until(begun, timeout_s=60, every_s=0.0005)
    os.set_blocking(told.fileno(), True)
    return last


def totals() -> dict[str, Any]:
    return {
        **Transfer.objects.filter(ended_at__isnull=False).aggregate(rows=Count("id"), given=Sum("sent")),
        **Download.objects.aggregate(in_downloads=Sum("transfers"), given_in_downloads=Sum("given_bytes")),
        "rejected": RejectedLine.objects.count(),
    }


@pytest.mark.parametrize(
    ("times", "lines", "batch", "within_s"),
    [(4, 3_000, 50, 0.4), pytest.param(50, 200_000, 500, 1.0, marks=pytest.mark.slow)],
)
def test_totals_equal_those_of_the_log(
    world: World, times: int, lines: int, batch: int, within_s: float
) -> None:
    world.write()
    world.take()
    in_a_batch = [
        killed_once(world, lines // times, batch=batch, within_s=within_s, aimed=number % 2 == 0)
        for number in range(times)
    ]
    print(f"{sum(in_a_batch)} of {times} kills met a batch")

    def one_more() -> bool:
        """On a busy machine a batch can end before the signal comes."""
        return killed_once(world, lines // times, batch=batch, within_s=within_s, aimed=True)

    assert any(in_a_batch) or wait_until(one_more, timeout_s=120)
    rename(world)
    copytruncate(world)
    world.write()
    last = process(str(world.log.path), before=BEFORE.format(batch=batch, drain_s=0.001))
    said, _ = last.communicate(timeout=300)
    assert last.returncode == 0
    assert b"lost" not in said
    assert b"none" not in said
    count = len(world.texts)
    assert count >= lines
    assert len(world.rotated) > 2
    assert totals() == {
        "rows": count,
        "given": count * BYTES,
        "in_downloads": count,
        "given_in_downloads": count * BYTES,
        "rejected": 0,
    }
    stored = Transfer.objects.values_list("id", flat=True).iterator()
    assert {str(id_) for id_ in stored} == set(world.texts)
    # all but the one that is written to are done with
    assert LogPosition.objects.filter(finished=True).count() == len(world.rotated)
    assert (
        not LogPosition.objects.filter(finished=False).exclude(offset=world.log.path.stat().st_size).exists()
    )
