"""URLs that the app signs with an SDK of its own: for the right method, and without a trace in the cache's names."""

from __future__ import annotations

from typing import Any

import pytest

from xaccel import HTTPOrigin, ObjectRef, Options, OriginNotAllowed, Sender, Site
from xaccel.errors import OptionRefused
from xaccel.explain.ask_storage import ask_storage
from xaccel.handoff.identifiers import cache_key
from xaccel.urls import object_url

BASE = "https://store.example/docs/"
SENDER = Sender(
    Site(
        origins={
            "signed": HTTPOrigin(base_url=BASE, expires_s=120, cache=True),
            "plain": HTTPOrigin(base_url="https://plain.example/", cache=True),
        },
        secrets=("s" * 32,),
    )
)
KEPT = Options(cache_version="7")


def headers(origin: str, url: Any, **more: Any) -> dict[str, str]:
    return dict(SENDER.hand_off(ObjectRef(origin, url=url), **more).headers)


def signed(method: str) -> str:
    return f"{BASE}a%20b.pdf?sig={method}%2B"


@pytest.mark.parametrize(
    ("method", "options", "asked"),
    [
        ("GET", Options(), "GET"),
        ("HEAD", Options(), "HEAD"),
        ("HEAD", KEPT, "GET"),
        ("POST", Options(), "GET"),
    ],
)
def test_the_url_function_gets_the_method_of_the_request(method: str, options: Options, asked: str) -> None:
    made = headers("signed", signed, method=method, options=options)
    assert made["Xaccel-Url"] == signed(asked)
    assert made.get("Xaccel-Method", "GET") == asked


def test_a_text_at_a_signed_origin_is_asked_for_with_get() -> None:
    hand_off = SENDER.hand_off(ObjectRef("signed", url=signed("GET")), method="HEAD")
    assert "Xaccel-Method" not in dict(hand_off.headers)
    assert hand_off.event.method == "HEAD"
    assert dict(SENDER.hand_off(ObjectRef("plain", "x"), method="HEAD").headers)["Xaccel-Method"] == "HEAD"


def entry(origin: str, url: str) -> str:
    return headers(origin, url, options=KEPT)["Xaccel-Cache-Key"]


def test_a_new_signature_names_the_same_entry_and_another_object_another() -> None:
    one = entry("signed", f"{BASE}x?sig=1")
    assert entry("signed", f"{BASE}x?sig=2") == entry("signed", f"{BASE}x") == one
    assert entry("signed", f"{BASE}%78?sig=2") == one
    assert entry("signed", f"{BASE}y?sig=1") != one
    assert headers("signed", f"{BASE}x", options=Options(cache_version="8"))["Xaccel-Cache-Key"] != one
    # where the query is not a signature it says which object is meant
    assert entry("plain", "https://plain.example/x?id=1") != entry("plain", "https://plain.example/x?id=2")


@pytest.mark.parametrize("key", ["a b.pdf", "März (1)'!*~.pdf", "a/b//c", "50%.pdf", "a?b#c"])
def test_an_object_has_one_entry_however_an_sdk_spells_its_key(key: str) -> None:
    from urllib.parse import quote

    assert (
        len({entry("signed", f"{BASE}{quote(key, safe=safe)}?sig=1") for safe in ("/", "/~", "/~!*()'")}) == 1
    )


def test_an_encoded_slash_is_another_object() -> None:
    assert object_url(f"{BASE}a%2Fb?x=/") == f"{BASE}a%2Fb"
    assert entry("signed", f"{BASE}a%2Fb") != entry("signed", f"{BASE}a/b")


def test_the_entry_of_an_unsigned_origin_is_named_as_before() -> None:
    url = "https://plain.example/%78?y=1"
    assert entry("plain", url) == cache_key("", "plain", url, "7")


def test_a_key_alone_is_not_asked_for_without_a_signature() -> None:
    with pytest.raises(OptionRefused, match="signed by the app"):
        SENDER.hand_off(ObjectRef("signed", "a b.pdf"))


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}?restype=container&comp=list&sig=s3cret",
        "https://store.example/other/x?sig=s3cret",
        f"{BASE}../x?sig=s3cret",
        "https://store.example:8443/docs/x?sig=s3cret",
        "https://u:s3cret@store.example/docs/x",
    ],
)
def test_a_url_outside_the_base_is_refused_without_its_query(url: str) -> None:
    for given in (url, lambda _: url):
        with pytest.raises(OriginNotAllowed) as refused:
            SENDER.hand_off(ObjectRef("signed", url=given))
        assert "sig=" not in str(refused.value)


def test_the_repr_of_a_hand_off_has_no_signature() -> None:
    hand_off = SENDER.hand_off(ObjectRef("signed", url=signed))
    assert "sig=" not in repr(hand_off)
    assert hand_off.event.key == "a b.pdf"


def test_explain_does_not_ask_without_a_signature() -> None:
    finding = ask_storage(SENDER.site, ObjectRef("signed", "a b.pdf"))
    assert finding.code == "not asked"
    assert "signs" in finding.remedy
