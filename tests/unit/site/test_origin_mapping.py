from __future__ import annotations

from typing import Any

import pytest

from xaccel import ConfigError, HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.read_mapping import _origins


def read(origins: Any) -> tuple[dict[str, Any], list[ConfigError]]:
    found: list[ConfigError] = []
    return _origins(origins, 'XACCEL["ORIGINS"]', found), found


def told(origins: Any) -> list[tuple[str, str]]:
    _, found = read(origins)
    return [(problem.where.removeprefix('XACCEL["ORIGINS"]'), problem.what) for problem in found]


def test_an_origin_that_is_made_already_is_taken_and_checked() -> None:
    made = S3Origin(bucket="docs", prefix="p/", access_key="a", secret_key="b")
    assert read({"docs": made}) == ({"docs": made}, [])
    assert read({"docs": S3Origin(bucket="docs", connect_to=["h:1"])})[0]["docs"].connect_to == ("h:1",)  # type: ignore[arg-type]
    assert told({"docs": S3Origin(bucket="x")}) == [
        ('["docs"]["bucket"]', "'x' is not a bucket name, nor a pattern of bucket names")
    ]


@pytest.mark.parametrize(
    "made",
    [
        S3Origin(bucket="docs", expires_s="60"),  # type: ignore[arg-type]
        S3Origin(bucket="docs", connect_to="h:1"),  # type: ignore[arg-type]
        HTTPOrigin(base_url=7),  # type: ignore[arg-type]
        HTTPOrigin(base_url="https://h.example/", request_headers={"X-Key": 5}),  # type: ignore[dict-item]
        LocalOrigin(root=b"/srv"),  # type: ignore[arg-type]
    ],
)
def test_an_origin_object_with_a_wrong_type_is_an_error(made: Any) -> None:
    ((where, what),) = told({"x": made})
    assert where.startswith('["x"]["')
    assert "is not a" in what


@pytest.mark.parametrize("origins", [None, {}, [], "docs", 5], ids=repr)
def test_a_site_needs_an_origin(origins: Any) -> None:
    assert told(origins) == [("", "no origin is configured")]


@pytest.mark.parametrize(
    "name", ["", "Docs", "do cs", "docs/x", "-docs", "d" * 31, "döcs", "docs\n", "$docs", "a.b", 5], ids=ascii
)
def test_an_invalid_origin_name_is_an_error(name: Any) -> None:
    place = f'["{name}"]'.replace("\n", "\\n")
    assert (place, f"{name!r} is not a name for an origin") in told({name: LocalOrigin(root="/srv")})


@pytest.mark.parametrize("entry", ["docs", None, 5, ["x"]], ids=repr)
def test_an_entry_is_a_mapping(entry: Any) -> None:
    assert told({"docs": entry}) == [('["docs"]', f"{entry!r} is not an origin")]


@pytest.mark.parametrize("kind", [None, "", "S3", "xaccel.S3Origin", S3Origin, 5], ids=repr)
def test_a_type_is_one_of_three(kind: Any) -> None:
    ((where, what),) = told({"docs": {"type": kind}})
    assert where == '["docs"]["type"]'
    assert "is not a type of origin" in what


@pytest.mark.parametrize(
    "entry",
    [{"BACKEND": "xaccel.S3Origin", "OPTIONS": {"bucket": "docs"}}, {"STORAGE": "default"}],
    ids=str,
)
def test_the_error_of_an_entry_without_a_type_has_the_types_and_djangos_form(entry: Any) -> None:
    _, (problem,) = read({"docs": entry})
    assert "'s3', 'http', 'local'" in str(problem)
    assert '{"storage": "default"}' in str(problem)


@pytest.mark.parametrize(
    ("kind", "options", "what"),
    [
        ("s3", {}, "the option 'bucket' is missing"),
        ("local", {}, "the option 'root' is missing"),
        ("http", {}, "the option 'base_url' is missing"),
        ("s3", {"bucket": "docs", "buckets": 1}, "'buckets' is not an option"),
        ("s3", {"BUCKET": "docs", "bucket": "docs"}, "'BUCKET' is not an option"),
        ("s3", {"bucket": 5}, "5 is not a text"),
        ("s3", {"bucket": None}, "the option 'bucket' is missing"),
        ("s3", {"bucket": "docs", "region": 5}, "5 is not a text"),
        ("s3", {"bucket": "docs", "expires_s": "60"}, "'60' is not a whole number"),
        ("s3", {"bucket": "docs", "expires_s": True}, "True is not a whole number"),
        ("s3", {"bucket": "docs", "cache": 1}, "1 is not true or false"),
        ("s3", {"bucket": "docs", "verify_tls": "no"}, "'no' is not true or false"),
        ("s3", {"bucket": "docs", "connect_to": "h:1"}, "'h:1' is not a list, each a text"),
        ("s3", {"bucket": "docs", "connect_to": [1]}, "[1] is not a list, each a text"),
    ],
    ids=repr,
)
def test_an_invalid_option_is_reported_with_its_path(kind: str, options: dict[str, Any], what: str) -> None:
    entry = {"type": kind, **options}
    ((where, said),) = told({"docs": entry})
    assert where in ('["docs"]', f'["docs"]["{[*options][-1]}"]' if options else "")
    assert said == what


def test_a_secret_of_a_wrong_type_is_not_repeated() -> None:
    entries = {
        "a": {"type": "s3", "bucket": "docs", "secret_key": ["hush"]},
        "b": {
            "type": "http",
            "base_url": "https://h.example/",
            "request_headers": {"Authorization": b"hush"},
        },
    }
    _, found = read(entries)
    assert len(found) == 2
    assert "hush" not in "".join(map(str, found))


def test_all_problems_of_all_origins_are_reported_together() -> None:
    assert [where for where, _ in told({
        "Bad name": {"type": "s3", "bucket": "x", "expires_s": 0},
        "b": "nothing",
        "c": {"type": "nothing"},
        "d": {"type": "local", "one": 1, "two": 2},
    })] == [
        '["Bad name"]', '["Bad name"]["bucket"]', '["Bad name"]["expires_s"]', '["b"]', '["c"]["type"]',
        '["d"]', '["d"]', '["d"]',
    ]  # fmt: skip
