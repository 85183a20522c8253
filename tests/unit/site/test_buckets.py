"""Buckets of a pattern. docs/reference/vectors.json has further names that are refused."""

from __future__ import annotations

import pytest

from tests.unit.site.mappings import problems
from xaccel import OriginNotAllowed, S3Origin
from xaccel.site import origins

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
