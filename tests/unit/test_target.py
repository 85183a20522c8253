"""Keys and URLs. docs/reference/vectors.json has further ones that are refused."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xaccel.errors import KeyRefused, OriginNotAllowed
from xaccel.urls import (
    MAX_KEY_BYTES,
    MAX_URL_BYTES,
    authority,
    below,
    canonical_base,
    key_of_url,
    quote_key,
    quote_prefix,
)

BASE = "https://files.example/shared/files/"

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60)


@given(TEXT)
@example("%2F%2f%")
@example("//")
def test_a_quoted_key_is_plain_ascii_and_decodes_to_the_key(key: str) -> None:
    quoted = quote_key(key, dots=True)
    assert unquote(quoted) == key
    assert set(quoted) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/%")


@given(TEXT, TEXT)
@example("a b", "a%20b")
@example("a/b", "a%2Fb")
def test_two_keys_are_never_quoted_alike(one: str, other: str) -> None:
    assert (quote_key(one, dots=True) == quote_key(other, dots=True)) == (one == other)


@pytest.mark.parametrize(
    "key",
    ["", "a\x00b", "\x00", "a\ud800b", "\udcff", "k" * (MAX_KEY_BYTES + 1), "é" * (MAX_KEY_BYTES // 2) + "x"],
)
@pytest.mark.parametrize("dots", [True, False])
def test_a_key_that_no_storage_keeps_is_refused(key: str, dots: bool) -> None:
    with pytest.raises(KeyRefused):
        quote_key(key, dots=dots)


@pytest.mark.parametrize("key", ["k" * MAX_KEY_BYTES, "é" * (MAX_KEY_BYTES // 2)], ids=["ascii", "two-bytes"])
def test_a_key_of_the_greatest_length_is_taken(key: str) -> None:
    assert unquote(quote_key(key, dots=False)) == key


DOTTED = [".", "..", "../a", "a/..", "a/../b", "./a", "a/.", "a/./b", "..\\a", "a\\..\\b", "a/..\\b"]


@pytest.mark.parametrize("key", DOTTED)
def test_dot_segments_are_refused_unless_allowed(key: str) -> None:
    assert unquote(quote_key(key, dots=True)) == key
    with pytest.raises(KeyRefused, match="segment"):
        quote_key(key, dots=False)


@pytest.mark.parametrize("key", ["/a", "a/", "/", "a//b", "//"])
def test_a_directory_key_is_one_relative_path(key: str) -> None:
    assert quote_key(key, dots=False) == key
    with pytest.raises(KeyRefused, match="below a directory"):
        quote_key(key, dots=False, directory=True)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://Files.Example:443/A/", "https://files.example/A/"),
        ("http://files.example:80/", "http://files.example/"),
        ("http://files.example:443/", "http://files.example:443/"),
        ("https://files.example:8443", "https://files.example:8443/"),
        ("http://[::1]:80/x/", "http://[::1]/x/"),
        ("http://[fe80::80]/", "http://[fe80::80]/"),
        ("https://files.example:4430/", "https://files.example:4430/"),
    ],
)
def test_a_base_is_spelled_one_way(url: str, canonical: str) -> None:
    assert canonical_base(url) == canonical
    assert canonical_base(canonical) == canonical


def test_the_authority_ends_before_the_path() -> None:
    assert authority("https://files.example:8443/a//b?c=http://x/") == "https://files.example:8443"


EXACT = """
    a.pdf a%20b%2Fc.pdf a+b.pdf //a///b %E6%97%A5.pdf %e6%97%a5.pdf a.pdf?download=1&sig=%2F+x
    a?b?c=http://other.example/../ a% %zz a;b=c ..a/b../...x (a)'!* %FF%FE %2e%2ea [x]|^`{}<>~
"""


@pytest.mark.parametrize("rest", EXACT.split())
@pytest.mark.parametrize(
    "spelled",
    [
        "https://files.example/shared/files/",
        "HTTPS://FILES.Example/shared/files/",
        "https://files.example:443/shared/files/",
        "https://files.example/sh%61red/%66iles/",
    ],
)
def test_a_url_below_the_base_stays_byte_for_byte(spelled: str, rest: str) -> None:
    path = spelled.partition("://")[2]
    assert below(BASE, spelled + rest) == "https://files.example" + path[path.index("/") :] + rest


OTHER_PATHS = """
    shared/files shared/file shared%2Ffiles/a shared%252Ffiles/a /shared/files/a shared//files/a SHARED/files/a
"""
OTHER_HOSTS = """
    files.example:80 files.example:0443 files.example: files.example. evilfiles.example [files.example] [ ]
    127.0.0.1/?https://files.example
"""


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://files.example/{path}" for path in ("", *OTHER_PATHS.split())),
        *(f"https://{host}/shared/files/a" for host in OTHER_HOSTS.split()),
    ],
)
def test_a_url_outside_the_base_is_not_below_it(url: str) -> None:
    assert below(BASE, url) is None


INEXACT = r"""
    https://user:password@files.example/shared/files/a https://files.example@evil.example/shared/files/a
    https://evil.example#@files.example/shared/files/a https://files.example/shared/files/a#
    https://files.example/shared/files/\..\a https://files.example\shared\files\a https:\\files.example/shared/files/a
    https:/files.example/shared/files/a https:files.example/shared/files/a //files.example/shared/files/a
    ftp://files.example/shared/files/a javascript:alert(1) https://files.example?/shared/files/a https:///shared/files/a
    https://files.example/shared/files/"a" https://files.exämple/shared/files/a https://files。example/shared/files/a
"""
SPACES = [f" {BASE}a", f"{BASE}a ", "https://files.example/sha\tred/files/a", f"{BASE}a\x00"]
LETTERS = [
    f"{BASE}\u017f", f"{BASE}\u212a", "https://file\u017f.example/shared/files/a",
    "http\u017f://files.example/shared/files/a",
]  # fmt: skip


@pytest.mark.parametrize("url", ["", *INEXACT.split(), *SPACES, *LETTERS], ids=lambda url: ascii(url)[:70])
def test_an_inexact_url_is_refused(url: str) -> None:
    with pytest.raises(OriginNotAllowed, match="absolute URL"):
        below(BASE, url)


DOTTED_URLS = r"""
    .. a/../../secret ./a a/. %2E./secret .%2e/secret %25252e%25252e%25252fsecret %25%32%65%25%32%65/secret ..%5Csecret
    a%5c..%5c..%5csecret ..%255c..%255csecret ..;/secret %2e%2e;/secret ..%3B/secret %2e ..?x %FF/%2e%2e/secret
"""


@pytest.mark.parametrize("rest", DOTTED_URLS.split())
def test_a_dot_segment_is_refused_however_it_is_written(rest: str) -> None:
    with pytest.raises(OriginNotAllowed, match="segment"):
        below(BASE, BASE + rest)


def test_base_urls_with_different_undecodable_bytes_differ() -> None:
    assert below("https://h.example/%FF/", "https://h.example/%FE/a") is None
    assert below("https://h.example/%FF/", "https://h.example/%ff/a") == "https://h.example/%ff/a"


def test_deep_encoding_within_the_length_is_decided() -> None:
    layers = (MAX_URL_BYTES - len(BASE) - 20) // 2
    assert below(BASE, BASE + "%" + "25" * layers + "2e.a/x") is not None
    with pytest.raises(OriginNotAllowed, match="segment"):
        below(BASE, BASE + "%" + "25" * layers + "2e%2e/x")


@given(
    st.lists(st.sampled_from([*"ab./%25eEfF\\;?#@:", "%2e", "%2f", "%5c", ".."]), max_size=24).map("".join)
)
@example("../files/a")
def test_dots_never_lead_out_of_the_base_url(rest: str) -> None:
    try:
        exact = below(BASE, BASE + rest)
    except OriginNotAllowed:
        return
    assert exact == BASE + rest
    path = exact.partition("?")[0]
    for _ in range(30):
        path = unquote(path, errors="surrogateescape")
    assert not {".", ".."} & set(path.replace("\\", "/").split("/"))
    assert path.startswith(BASE)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://files.example/shared/files/a%20b.pdf", "a b.pdf"),
        ("https://files.example/sh%61red/files/a.pdf?x=1", "a.pdf"),
        ("https://files.example/shared/files/%E6%97%A5/b%2Fc", "日/b/c"),
        ("https://files.example/shared/files/%FF", "\ufffd"),
        ("https://files.example/shared/files/", ""),
    ],
)
def test_the_key_of_a_url_is_its_decoded_rest(url: str, key: str) -> None:
    assert key_of_url(BASE, url) == key


@given(st.text(max_size=20))
def test_a_quoted_prefix_ends_in_no_query(prefix: str) -> None:
    assert not set(quote_prefix(prefix)) & set("?#\\ %") - {"%"}
    assert quote_prefix(prefix).isascii()
