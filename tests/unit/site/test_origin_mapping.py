from __future__ import annotations

from typing import Any

import pytest

from xaccel import ConfigError, HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.read_origins import read_origins, upper_keys


def read(origins: Any) -> tuple[dict[str, Any], list[ConfigError]]:
    found: list[ConfigError] = []
    return read_origins({"ORIGINS": origins}, "XACCEL", found), found


def told(origins: Any) -> list[tuple[str, str]]:
    _, found = read(origins)
    return [(problem.where.removeprefix('XACCEL["ORIGINS"]'), problem.what) for problem in found]


def test_keys_may_be_lower_case_as_in_toml() -> None:
    assert upper_keys({"origins": 1, "Secret": 2, "NAME": 3}) == {"ORIGINS": 1, "SECRET": 2, "NAME": 3}


def test_each_backend_becomes_its_origin() -> None:
    origins, found = read(
        {
            "docs": {
                "backend": "xaccel.S3Origin",
                "options": {"bucket": "docs", "connect_to": ["10.0.0.5:9000"]},
            },
            "web": {
                "BACKEND": "xaccel.HTTPOrigin",
                "OPTIONS": {
                    "base_url": "https://h.example/",
                    "request_headers": {"X-Key": "a"},
                    "cache": True,
                },
            },
            "disk-2_x": {"BACKEND": "xaccel.LocalOrigin", "OPTIONS": {"root": "/srv"}},
        }
    )
    assert found == []
    assert origins == {
        "docs": S3Origin(bucket="docs", connect_to=("10.0.0.5:9000",)),
        "web": HTTPOrigin(base_url="https://h.example/", request_headers={"X-Key": "a"}, cache=True),
        "disk-2_x": LocalOrigin(root="/srv"),
    }


def test_an_origin_that_is_made_already_is_taken_and_checked() -> None:
    made = S3Origin(bucket="docs", prefix="p/", access_key="a", secret_key="b")
    assert read({"docs": made}) == ({"docs": made}, [])
    assert read({"docs": S3Origin(bucket="docs", connect_to=["h:1"])})[0]["docs"].connect_to == ("h:1",)  # type: ignore[arg-type]
    assert told({"docs": S3Origin(bucket="x")}) == [('["docs"] bucket', "'x' is not a bucket name")]


@pytest.mark.parametrize(
    "made",
    [
        S3Origin(bucket=None),  # type: ignore[arg-type]
        S3Origin(bucket="docs", expires_s="60"),  # type: ignore[arg-type]
        S3Origin(bucket="docs", connect_to="h:1"),  # type: ignore[arg-type]
        HTTPOrigin(base_url=7),  # type: ignore[arg-type]
        HTTPOrigin(base_url="https://h.example/", request_headers={"X-Key": 5}),  # type: ignore[dict-item]
        LocalOrigin(root=b"/srv"),  # type: ignore[arg-type]
    ],
)
def test_a_made_origin_with_a_wrong_type_is_told(made: Any) -> None:
    ((where, what),) = told({"x": made})
    assert where == '["x"]["OPTIONS"]'
    assert "is not a value for" in what


@pytest.mark.parametrize("origins", [None, {}, [], "docs", 5], ids=repr)
def test_a_site_needs_an_origin(origins: Any) -> None:
    assert told(origins) == [("", "no origin is configured")]


@pytest.mark.parametrize(
    "name", ["", "Docs", "do cs", "docs/x", "-docs", "d" * 31, "döcs", "docs\n", "$docs", "a.b", 5], ids=ascii
)
def test_a_name_that_nginx_cannot_print_is_told(name: Any) -> None:
    assert (f'["{name}"]', f"{name!r} is not a name for an origin") in told({name: LocalOrigin(root="/srv")})


@pytest.mark.parametrize("entry", ["docs", None, 5, ["x"]], ids=repr)
def test_an_entry_is_a_mapping(entry: Any) -> None:
    assert told({"docs": entry}) == [('["docs"]', f"{entry!r} is not an origin")]


@pytest.mark.parametrize("backend", [None, "", "S3Origin", "xaccel.s3origin", S3Origin, 5], ids=repr)
def test_a_backend_is_one_of_three(backend: Any) -> None:
    ((where, what),) = told({"docs": {"BACKEND": backend, "OPTIONS": {}}})
    assert where == '["docs"]["BACKEND"]'
    assert "is not a kind of origin" in what


@pytest.mark.parametrize(
    ("backend", "options", "what"),
    [
        ("S3Origin", {}, "S3Origin has no 'bucket'"),
        ("LocalOrigin", {}, "LocalOrigin has no 'root'"),
        ("HTTPOrigin", {}, "HTTPOrigin has no 'base_url'"),
        ("S3Origin", {"bucket": "docs", "buckets": 1}, "'buckets' is not an option of S3Origin"),
        ("S3Origin", {"BUCKET": "docs", "bucket": "docs"}, "'BUCKET' is not an option of S3Origin"),
        ("S3Origin", {"bucket": 5}, "5 is not a value for 'bucket'"),
        ("S3Origin", {"bucket": None}, "None is not a value for 'bucket'"),
        ("S3Origin", {"bucket": "docs", "region": 5}, "5 is not a value for 'region'"),
        ("S3Origin", {"bucket": "docs", "expires_s": "60"}, "'60' is not a value for 'expires_s'"),
        ("S3Origin", {"bucket": "docs", "expires_s": True}, "True is not a value for 'expires_s'"),
        ("S3Origin", {"bucket": "docs", "cache": 1}, "1 is not a value for 'cache'"),
        ("S3Origin", {"bucket": "docs", "verify_tls": "no"}, "'no' is not a value for 'verify_tls'"),
        ("S3Origin", {"bucket": "docs", "connect_to": "h:1"}, "'h:1' is not a value for 'connect_to'"),
        ("S3Origin", {"bucket": "docs", "connect_to": [1]}, "[1] is not a value for 'connect_to'"),
    ],
    ids=repr,
)
def test_a_wrong_option_is_told_with_its_path(backend: str, options: dict[str, Any], what: str) -> None:
    entry = {"BACKEND": f"xaccel.{backend}", "OPTIONS": options}
    assert told({"docs": entry}) == [('["docs"]["OPTIONS"]', what)]


def test_options_that_are_no_mapping_are_told() -> None:
    assert told({"docs": {"BACKEND": "xaccel.LocalOrigin", "OPTIONS": "/srv"}})[0][0] == '["docs"]["OPTIONS"]'


def test_a_secret_of_a_wrong_type_is_not_repeated() -> None:
    entries = {
        "a": {"BACKEND": "xaccel.S3Origin", "OPTIONS": {"bucket": "docs", "secret_key": ["hush"]}},
        "b": {
            "BACKEND": "xaccel.HTTPOrigin",
            "OPTIONS": {"base_url": "https://h.example/", "request_headers": {"Authorization": b"hush"}},
        },
    }
    _, found = read(entries)
    assert len(found) == 2
    assert "hush" not in "".join(map(str, found))


def test_all_problems_of_all_origins_are_told_at_once() -> None:
    assert [where for where, _ in told({
        "Bad name": {"BACKEND": "xaccel.S3Origin", "OPTIONS": {"bucket": "x", "expires_s": 0}},
        "b": "nothing",
        "c": {"BACKEND": "nothing"},
        "d": {"BACKEND": "xaccel.LocalOrigin", "OPTIONS": {"one": 1, "two": 2}},
    })] == [
        '["Bad name"]', '["Bad name"] bucket', '["Bad name"] expires_s', '["b"]', '["c"]["BACKEND"]',
        '["d"]["OPTIONS"]', '["d"]["OPTIONS"]', '["d"]["OPTIONS"]',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "old", "new"),
    [
        ("S3Origin", "servers", "connect_to"),
        ("S3Origin", "missing_as_403", "treat_403_as_404"),
        ("HTTPOrigin", "signed_for_s", "expires_s"),
    ],
)
def test_an_option_with_its_old_name_is_refused_with_the_new_name(backend: str, old: str, new: str) -> None:
    _, found = read({"a": {"BACKEND": f"xaccel.{backend}", "OPTIONS": {old: 1}}})
    assert f"{old!r} is not an option of {backend}. It is named {new!r} now." in str(found[0])
