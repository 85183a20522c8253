from __future__ import annotations

import pytest

from xaccel import LocalOrigin, Site
from xaccel.errors import OriginUnknown

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(("name", "prefix"), [("", "/_xaccel/"), ("shop", "/_xaccel_shop/")])
def test_the_internal_prefix_names_the_site(name: str, prefix: str) -> None:
    assert Site(origins={}, secrets=(SECRET,), name=name).internal_prefix == prefix


def test_an_origin_is_found_by_its_name() -> None:
    disk = LocalOrigin(root="/srv")
    assert Site(origins={"disk": disk}, secrets=(SECRET,)).origin("disk") is disk


@pytest.mark.parametrize(
    ("origins", "known"), [({"b": LocalOrigin(root="/b"), "a": LocalOrigin(root="/a")}, "a, b"), ({}, "none")]
)
def test_an_unknown_name_is_reported_with_the_known_ones(origins: dict[str, LocalOrigin], known: str) -> None:
    with pytest.raises(OriginUnknown, match=known):
        Site(origins=origins, secrets=(SECRET,)).origin("Disk")


def test_no_repr_of_a_site_has_a_secret() -> None:
    assert SECRET not in repr(Site(origins={}, secrets=(SECRET,)))
