"""Buckets of a pattern. docs/reference/vectors.json has further names that are refused."""

from __future__ import annotations

import pytest

from tests.unit.site.mappings import problems
from xaccel import HTTPOrigin, LocalOrigin, OriginNotAllowed, S3Origin
from xaccel.errors import OptionRefused
from xaccel.site import origins
from xaccel.site.origins import Origin

MANY = S3Origin(bucket="tenant-*")


@pytest.mark.parametrize("bucket", ["tenant-7", "tenant-acme-eu", "tenant-" + "a" * 56])
def test_a_bucket_of_the_pattern_is_taken(bucket: str) -> None:
    assert origins.bucket_named(MANY, bucket) == bucket


@pytest.mark.parametrize(
    "bucket",
    [
        "",
        *"* tenant-* tenant-- xtenant-7 tenants-7 TENANT-7 tenant-a%2fb tenant-a?x".split(),
        "tenant-7\n",
        "tenant-é",
        7,
    ],
)
def test_a_bucket_outside_the_pattern_is_refused(bucket: str) -> None:
    with pytest.raises(OriginNotAllowed):
        origins.bucket_named(MANY, bucket)


def test_only_an_origin_with_a_pattern_needs_a_bucket() -> None:
    with pytest.raises(OptionRefused, match="none of them is named"):
        origins.bucket_named(MANY, None)
    one = S3Origin(bucket="docs")
    assert origins.bucket_named(one, None) == origins.bucket_named(one, "docs") == "docs"


@pytest.mark.parametrize(
    "origin",
    [S3Origin(bucket="docs"), HTTPOrigin(base_url="https://h.example/"), LocalOrigin(root="/srv")],
)
def test_a_bucket_that_the_origin_does_not_have_is_refused(origin: Origin) -> None:
    with pytest.raises(OriginNotAllowed):
        origins.bucket_named(origin, "tenant-7")


@pytest.mark.parametrize(
    "pattern", ["tenant-*", "*-files", "a*bc", "files.*.example", "abc*", "t" * 62 + "*"]
)
def test_a_pattern_that_is_somebodys_own_is_taken(pattern: str) -> None:
    assert not list(problems(S3Origin(bucket=pattern), "x"))


@pytest.mark.parametrize(
    "pattern",
    ["*", "**", "ab*", "a-*b", "*.-*", "tenant-*-*", "tenant *", "-tenant*", "tenant/*", "t" * 63 + "*"],
)
def test_a_pattern_of_everybodys_buckets_or_of_none_is_refused(pattern: str) -> None:
    [problem] = problems(S3Origin(bucket=pattern), "x")
    assert "pattern" in problem.what
