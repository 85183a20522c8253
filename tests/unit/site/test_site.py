from __future__ import annotations

import pytest

from xaccel import LocalOrigin, Site
from xaccel.errors import OriginUnknown

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("origins", "known"), [({"b": LocalOrigin(root="/b"), "a": LocalOrigin(root="/a")}, "a, b"), ({}, "none")]
)
def test_an_unknown_name_is_reported_with_the_known_ones(origins: dict[str, LocalOrigin], known: str) -> None:
    with pytest.raises(OriginUnknown, match=known):
        Site(origins=origins, secrets=(SECRET,)).origin("Disk")


def test_no_repr_of_a_site_has_a_secret() -> None:
    assert SECRET not in repr(Site(origins={}, secrets=(SECRET,)))
