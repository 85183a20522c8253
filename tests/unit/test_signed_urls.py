"""URLs that the app signs with an SDK of its own. docs/reference/vectors.json has their methods and cache keys."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from xaccel import HTTPOrigin, ObjectRef, Options, OriginNotAllowed, Sender, Site
from xaccel.tools.explain.ask_storage import ask_storage

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


def signed(method: str) -> str:
    return f"{BASE}a%20b.pdf?sig={method}%2B"


def entry(origin: str, url: str) -> str:
    made = SENDER.hand_off(ObjectRef(origin, url=url), options=Options(cache_version="7"))
    return dict(made.headers)["Xaccel-Cache-Key"]


@pytest.mark.parametrize("key", ["a b.pdf", "März (1)'!*~.pdf", "a/b//c", "50%.pdf", "a?b#c"])
def test_an_object_has_one_entry_however_an_sdk_spells_its_key(key: str) -> None:
    spelled = [quote(key, safe=safe) for safe in ("/", "/~", "/~!*()'")]
    assert len({entry("signed", f"{BASE}{each}?sig=1") for each in spelled}) == 1


def test_a_query_that_is_no_signature_says_which_object_is_meant() -> None:
    assert entry("plain", "https://plain.example/x?id=1") != entry("plain", "https://plain.example/x?id=2")


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}?restype=container&comp=list&sig=s3cret",
        "https://store.example/other/x?sig=s3cret",
        f"{BASE}../x?sig=s3cret",
        "https://store.example:8443/docs/x?sig=s3cret",
        "https://u:s3cret@store.example/docs/x",
        "https://store.example/other//x?email=a@b&sig=s3cret",
    ],
)
def test_a_url_outside_the_base_is_refused_without_its_query_and_password(url: str) -> None:
    for given in (url, lambda _: url):
        with pytest.raises(OriginNotAllowed) as refused:
            SENDER.hand_off(ObjectRef("signed", url=given))
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example/b?sig=s3cret",
        f"{BASE}../x?sig=s3cret",
        "ftp://h/?sig=s3cret",
        "https://h?e=a@b&sig=s3cret",
    ],
)
def test_a_url_of_no_origin_is_refused_without_its_query(url: str) -> None:
    with pytest.raises(OriginNotAllowed) as refused:
        SENDER.places.origin_of_url(url)
    assert "s3cret" not in str(refused.value)


def test_the_repr_of_a_hand_off_has_no_signature() -> None:
    hand_off = SENDER.hand_off(ObjectRef("signed", url=signed))
    assert "sig=" not in repr(hand_off)
    assert hand_off.event.key == "a b.pdf"


def test_explain_does_not_ask_without_a_signature() -> None:
    finding = ask_storage(SENDER.site, ObjectRef("signed", "a b.pdf"))
    assert finding.code == "not asked"
    assert "signs" in finding.remedy
