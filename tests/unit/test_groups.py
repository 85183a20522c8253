"""Words after `scripts/test` choose groups, and a group that takes twice as long is named."""

from __future__ import annotations

from pathlib import Path

from tests.durations import doubled, record, recorded
from tests.groups import everything, groups_of


def test_a_group_that_doubles_is_named(tmp_path: Path) -> None:
    file = tmp_path / "durations.txt"
    record({"live-deb-njs": 200.0, "django": 9.0}, file)
    assert doubled({"live-deb-njs": 399.0, "django": 19.0, "new": 100.0}, file) == []
    assert doubled({"live-deb-njs": 400.0}, file) == ["live-deb-njs: 400 processor seconds, recorded are 200"]


def test_each_group_is_recorded() -> None:
    """Those of the other Python depend on the Python that runs this."""
    assert recorded().keys() >= {group.name for group in everything() if not group.python}


def test_several_soaks_are_chosen_by_their_names() -> None:
    groups, options = groups_of(["soak", "grants", "uploads", "-k", "open"])
    assert [group.name for group in groups] == ["soak-grants", "soak-uploads"]
    assert options == ["--slow", "-rP", "-k", "open"]
