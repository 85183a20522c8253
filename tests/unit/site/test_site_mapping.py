from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.unit.site.mappings import DISK, LEAST, SECRET, each_of, told
from xaccel import ConfigErrors, HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site import Cache, Site
from xaccel.site.read_mapping import read
from xaccel.site.rules import KNOWN_SECRETS
from xaccel.site.setting import table


def test_the_least_is_an_origin_and_a_secret() -> None:
    site = read(LEAST)
    assert site.origins == {"disk": LocalOrigin(root="/srv")}
    assert site.secrets == (SECRET,)
    assert (site.name, site.response_headers, site.cache, site.transfer_log) == ("", (), None, "xaccel.log")
    assert (site.access_logs, site.add_headers, site.resolver, site.concurrency) == ((), (), (), {})


def test_a_toml_file_in_lower_case_gives_everything() -> None:
    site = read(
        tomllib.loads(f"""
secret = ["{SECRET}", "{"old" * 12}"]
name = "shop2"
response_headers = ["X-Robots-Tag", "Vary"]
transfer_log = "/var/log/xaccel/transfers.log"
access_logs = ["/var/log/nginx/access.log combined"]
add_headers = [["Strict-Transport-Security", "max-age=31536000; includeSubDomains"]]
resolver = ["127.0.0.53", "[fd00::53]:5353"]
concurrency = 8
limit_rate = 10000
limit_rate_after = 5

[cache]
path = "/var/cache/nginx/xaccel"
max_size = "512m"

[origins.docs]
type = "s3"
bucket = "docs"
cache = true
connect_to = ["10.0.0.5:9000"]

[origins.web]
type = "http"
base_url = "https://h.example/"
request_headers = {{ X-Key = "a" }}

[origins.disk-2_x]
type = "local"
root = "/srv"
""")
    )
    assert site.origins == {
        "docs": S3Origin(bucket="docs", cache=True, connect_to=("10.0.0.5:9000",)),
        "web": HTTPOrigin(base_url="https://h.example/", request_headers={"X-Key": "a"}),
        "disk-2_x": LocalOrigin(root="/srv"),
    }
    assert site.secrets == (SECRET, "old" * 12)
    assert site.name == "shop2"
    assert site.response_headers == ("X-Robots-Tag", "Vary")
    assert site.cache == Cache(path="/var/cache/nginx/xaccel", max_size="512m")
    assert site.transfer_log == "/var/log/xaccel/transfers.log"
    assert site.access_logs == ("/var/log/nginx/access.log combined",)
    assert site.add_headers == (("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),)
    assert site.resolver == ("127.0.0.53", "[fd00::53]:5353")
    assert (site.concurrency, site.limit_rate, site.limit_rate_after) == ({"default": 8}, 10_000, 5)


INVALID: dict[str, list[Any]] = {
    "SECRET": ["", "a" * 31, "a" * 129, "a" * 31 + " ", "a" * 32 + "\n", "é" * 32, None, 5, b"s" * 32, {"a": SECRET},
               [], [SECRET] * 3, ["short"], [SECRET, 5]],
    "NAME": ["Shop", "s" * 13, "a-b", "a\n"],
    "RESPONSE_HEADERS": ["Vary", 5, *([name] for name in ("Set-Cookie", "Xaccel-Auth", "Vary: x", None)),
                         ["Vary", "vary"]],
    "CACHE": ["/var/cache", {}, {"path": "/c", "size": "1g"}, {"path": None}],
    "TRANSFER_LOG": ["", "/var/log/$host.log", "/var/log/x\n", "off"],
    "ACCESS_LOGS": ["access.log", [""], ["  "], ["a\nb"], ["a.log combined if=$loud"], ["$dir/a.log"], ["a.log if=1"],
                    ["if=1"]],
    "ADD_HEADERS": [{"X": "y"}, ["ab"], "merge", [["X"]], [["X", "y", "z"]], [["X Y", "y"]],
                    [["X-Content-Type-Options", "nosniff"]], [["X", "y\r\nZ: 1"]], [["X", "$host"]], [["X", 5]]],
    "RESOLVER": ["127.0.0.1", *([one] for one in "dns.example 127.0.0.1; fd00::53 999.1.1.1 1.1.1.1:0".split()), [53]],
    "CONCURRENCY": [0, True, "8", 65536, {"default": 0}, {"Guests": 2}, {"unlimited": 2}, {"g" * 21: 2}, {5: 2}],
    "LIMIT_RATE": [0, "10m", True],
    "LIMIT_RATE_AFTER": [-1, 10**18],
    "ERROR_PAGES": [
        {500: "/srv/error.html"}, {404: []}, {404: ["/srv/e.html", "e.json"]}, {404: ["/srv/e.html", "/srv/f.html"]},
        {404: ["/srv/404.html", "/srv/404.de.html"]},
        *({404: path} for path in ("e.html", "/srv/../e.html", "/srv/./e.html", "/srv/..", "/srv/$e.html")),
    ],
}  # fmt: skip
INVALID_OF_THE_CACHE: dict[str, list[Any]] = {
    "path": ["/c/$host", ""],
    "slice": ["1g"],
    "lock": ["a while"],
    "min_free": ["some"],
    "slowest_rate": [True],
    "max_size": ["1 g", 5, "99999999999999g"],
    "keys": ["1;", "1k", "8k", "1g"],
    "inactive": ["1 hour", "500ms"],
    "valid": ["-1", "1ms"],
}


@pytest.mark.parametrize(("setting", "value"), each_of(INVALID))
def test_an_invalid_value_is_reported_with_its_path(setting: str, value: Any) -> None:
    assert told({**LEAST, setting: value}) == [f'XACCEL["{setting}"]']


@pytest.mark.parametrize(("option", "value"), each_of(INVALID_OF_THE_CACHE))
def test_an_invalid_option_of_the_cache_is_reported_with_its_path(option: str, value: Any) -> None:
    assert told({**LEAST, "CACHE": {"path": "/c", option: value}}) == [f'XACCEL["CACHE"]["{option}"]']


def test_a_site_needs_a_secret() -> None:
    assert told({"ORIGINS": DISK}) == ['XACCEL["SECRET"]']


def test_no_secret_is_repeated() -> None:
    with pytest.raises(ConfigErrors) as errors:
        read({"ORIGINS": DISK, "SECRET": ["hush", "hush-hush"]})
    assert "hush" not in str(errors.value)


@pytest.mark.parametrize("known", sorted(KNOWN_SECRETS))
@pytest.mark.parametrize("others", [[], [SECRET]])
def test_a_published_secret_is_refused_with_a_remedy(known: str, others: list[str]) -> None:
    with pytest.raises(ConfigErrors) as errors:
        read({"ORIGINS": DISK, "SECRET": [*others, known]})
    assert [str(problem) for problem in errors.value.problems] == [
        'XACCEL["SECRET"]: the secret is published by xaccel itself, so everybody knows it. '
        "Make one with: xaccel secret."
    ]


def test_unknown_options_of_the_cache_are_named_with_the_valid_ones() -> None:
    """`warm_directory` was an option of an earlier xaccel."""
    with pytest.raises(ConfigErrors) as errors:
        read({**LEAST, "CACHE": {"path": "/c", "warm_directory": "/run/w", "valid": "2h", 5: 6}})
    valid = "Valid names: inactive, keys, lock, max_size, min_free, path, slice, slowest_rate, valid."
    assert [str(problem) for problem in errors.value.problems] == [
        f"XACCEL[\"CACHE\"]: 'warm_directory' is not an option. {valid}",
        f'XACCEL["CACHE"]: 5 is not an option. {valid}',
    ]


def test_an_unknown_key_is_reported_with_the_valid_ones() -> None:
    with pytest.raises(ConfigErrors) as errors:
        read({**LEAST, "ORIGIN": {}, "debug": True})
    assert [problem.what for problem in errors.value.problems] == [
        "'ORIGIN' is not a setting",
        "'DEBUG' is not a setting",
    ]
    assert all(key in str(errors.value) for key in table(Site))


def test_a_cached_origin_needs_a_cache() -> None:
    origins = {"docs": {"type": "s3", "bucket": "docs", "cache": True}}
    assert told({"ORIGINS": origins, "SECRET": SECRET}) == ['XACCEL["CACHE"]']
    assert read({"ORIGINS": origins, "SECRET": SECRET, "CACHE": {"path": "/c"}}).cache == Cache(path="/c")


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("4m", 4 << 20), ("64k", 65_536), ("1M", 1 << 20), ("100", 100)]
)
def test_a_slice_is_counted_as_nginx_counts(text: str, size: int) -> None:
    assert Cache(path="/c", slice=text).slice_bytes == size


@pytest.mark.parametrize("mapping", [None, [], "settings", 5], ids=repr)
def test_a_site_that_is_not_a_mapping_is_an_error(mapping: Any) -> None:
    assert told(mapping) == ["XACCEL"]


def test_all_problems_are_reported_together_below_the_given_path() -> None:
    wrong = {
        "ORIGINS": {"Docs": {"type": "s3", "bucket": "x"}, "web": {}},
        "SECRET": "short",
        "NAME": "A",
        "TRANSFER_LOG": "",
        "CACHE": {"path": "", "max_size": "big"},
        "CONCURRENCY": -1,
        "WHAT": 1,
    }
    with pytest.raises(ConfigErrors) as errors:
        read(wrong, where="site.toml")
    places = [problem.where for problem in errors.value.problems]
    assert len(places) == 10
    assert all(where.startswith("site.toml") for where in places)
    assert str(errors.value).startswith("10 problem(s) in the configuration:\n")
    assert len(str(errors.value).splitlines()) == 11


def test_none_means_the_default() -> None:
    assert read({**LEAST, "NAME": None, "TRANSFER_LOG": None, "CACHE": None, "CONCURRENCY": None}) == read(
        LEAST
    )


def test_keys_may_be_lower_case_as_in_toml() -> None:
    assert read({"origins": DISK, "Secret": SECRET, "NAME": "x"}) == read({**LEAST, "NAME": "x"})


def test_a_key_in_two_spellings_is_a_problem_and_no_value_is_shown() -> None:
    with pytest.raises(ConfigErrors) as errors:
        read({**LEAST, "secret": "another" * 5, "Name": "a", "name": "b"})
    assert [str(problem) for problem in errors.value.problems] == [
        "XACCEL: 'SECRET' and 'secret' are the same setting. Give it once.",
        "XACCEL: 'Name' and 'name' are the same setting. Give it once.",
    ]


def test_each_status_that_ends_a_download_may_have_a_page() -> None:
    for path in ("/srv/pages/error.html", "/srv/.pages/..error", '/srv/my pages/né "x".html'):
        pages = dict.fromkeys((404, 412, 416, 429, 502, 503, 504), path)
        assert read({**LEAST, "ERROR_PAGES": pages}).error_pages == dict.fromkeys(pages, (path,))


@pytest.mark.parametrize(
    "names",
    [
        ["404.html", "404.json"],
        ["404.en.html", "404.de.html", "404.pt-br.html", "404.json", "404.de.json"],
        ["404.en.json"],
        ["404.en.html", "404.html"],
    ],
)
def test_a_status_may_have_a_page_for_each_type_and_language(names: list[str]) -> None:
    paths = [f"/srv/{name}" for name in names]
    assert read({**LEAST, "ERROR_PAGES": {404: paths}}).error_pages == {404: tuple(paths)}


def test_a_size_or_a_time_needs_no_unit() -> None:
    cache = read({**LEAST, "CACHE": {"path": "/c", "max_size": "1000000", "inactive": "90"}}).cache
    assert cache
    assert (cache.max_bytes, cache.inactive) == (1_000_000, "90")
