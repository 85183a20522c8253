"""NGINX's clock steps, by libfaketime: a grant that was revoked stays revoked.

The wheel's NGINX is linked statically, so its clock cannot be changed. Its marks are the same files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.live.grants.scene import BODY, scene
from xaccel.features.grants.revoke import revoke
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@pytest.mark.variants("deb-njs")
def test_a_revoked_grant_is_not_used_after_a_step_of_the_clock(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unavailable: Callable[[str], NoReturn]
) -> None:
    """The revoked user keeps asking, so NGINX keeps the expired grant. It is valid again when the clock is back."""
    libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        unavailable("libfaketime is not installed: run scripts/system")
    clock = tmp_path / "clock"

    def step(seconds: int) -> None:
        clock.with_suffix(".new").write_text(f"{seconds:+d}s\n")
        clock.with_suffix(".new").rename(clock)

    step(0)
    fake = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    for name, value in (*fake.items(), ("LD_PRELOAD", str(libraries[0])), ("NO_FAKE_STAT", "1")):
        monkeypatch.setenv(name, value)
    variables = "".join(f"env {name};\n" for name in (*fake, "NO_FAKE_STAT"))  # of the workers
    with scene(tmp_path, variant, change=lambda text: variables + text) as made:
        monkeypatch.undo()
        session, idle = made.user("revoked", "a"), made.user("idle", "b")

        def statuses() -> set[int]:
            return {made.get("/files/media/a", session).status for _ in range(3)}

        for path, user in (("a", session), ("b", idle)):
            assert made.get(f"/files/media/{path}", user).body == BODY
        folder = Path(made.site.grants_folder)
        assert len(list(folder.iterdir())) == 2
        made.may.discard(("revoked", "a"))
        revoke(made.site, user="revoked")
        assert statuses() == {403}
        step(600)
        assert statuses() == {403}
        # NGINX has deleted what nobody uses: in this time it would delete old marks too
        assert wait_until(lambda: len(list(folder.iterdir())) == 1, timeout_s=60)
        for seconds in (0, -HOUR_S, DAY_S, 0):
            step(seconds)
            assert statuses() == {403}
        made.may.add(("revoked", "a"))
        assert statuses() == {200}
