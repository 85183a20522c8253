from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.trip import count_calls
from tests.unit.senders import BUCKET, KEYS, SECRET, STORE, sender
from xaccel import HTTPOrigin, LocalOrigin, ObjectRef, Options, OriginNotAllowed, S3Origin, Sender, Site
from xaccel.errors import OriginUnknown
from xaccel.signing.signer import _form, _kept
from xaccel.site.origins import Origin


def unsigned(url: str) -> str:
    return url.partition("?")[0]


def test_a_hand_off_gets_clock_id_and_credentials() -> None:
    before = datetime.now(UTC) - timedelta(seconds=10)
    made = sender().hand_off(ObjectRef("docs", "a b.pdf"), method="HEAD", options=Options(subject="7"))
    query = parse_qs(urlsplit(made.target).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before <= signed_at <= datetime.now(UTC)
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Expires"] == ["120"]
    assert uuid.UUID(made.event.transfer_id).version == 7
    assert abs((uuid.UUID(made.event.transfer_id).int >> 80) / 1000 - signed_at.timestamp()) < 60
    headers = dict(made.headers)
    assert unsigned(headers["Xaccel-Url"]) == BUCKET + "a%20b.pdf"
    assert headers["Xaccel-Method"] == "HEAD"
    assert headers["Xaccel-Subject"] == "7"


def test_a_server_and_a_directory_need_no_credentials() -> None:
    one = sender()
    for name in ("web", "disk"):
        assert one.is_ready(ObjectRef(name))
        assert one.hand_off(ObjectRef(name, "a.pdf")).event.origin == name


def test_a_hand_off_makes_ready() -> None:
    one = sender()
    other = S3Origin(bucket="docs", **STORE, access_key="other", secret_key="s")
    for ref in (ObjectRef("docs", "a"), ObjectRef("docs", "a", stand_in=other)):
        assert not one.is_ready(ref)
        one.hand_off(ref)
        assert one.is_ready(ref)


def test_a_function_that_makes_the_url_may_wait() -> None:
    assert not sender().is_ready(ObjectRef("web", url=lambda _: "https://files.example/base/a"))
    assert sender().is_ready(ObjectRef("web", url="https://files.example/base/a"))


@pytest.mark.parametrize("call", ["hand_off", "is_ready", "check"])
def test_an_unknown_origin_is_an_error(call: str) -> None:
    with pytest.raises(OriginUnknown):
        getattr(sender(), call)(ObjectRef("nowhere", "a"))


def test_one_of_many_origins_must_be_named() -> None:
    with pytest.raises(OriginUnknown, match="no origin is named"):
        sender().refer("a")


# other URLs that are refused: docs/reference/vectors.json
@pytest.mark.parametrize("prefix", ["tenant/", "q?1/", "h#1/", "50%/", "a%2Fb/", "a b/", "日/"])
def test_a_prefix_is_text_and_no_url(prefix: str) -> None:
    one = sender(odd=S3Origin(bucket="docs", prefix=prefix, **STORE, **KEYS))
    inside = unsigned(one.hand_off(ObjectRef("odd", "x")).target)
    assert unsigned(one.hand_off(ObjectRef("odd", url=inside)).target) == inside
    without_keys = sender(odd=S3Origin(bucket="docs", prefix=prefix, **STORE))
    for other in (f"{prefix[0]}/x", "a/b/x", "tenant-2/a", "tenant"):
        with pytest.raises(OriginNotAllowed):
            without_keys.hand_off(ObjectRef("odd", url=BUCKET + other))


def test_an_empty_last_segment_of_the_host_is_no_bucket_listing() -> None:
    one = sender(virtual=S3Origin(bucket="docs", region="eu-west-1", **KEYS))
    with pytest.raises(OriginNotAllowed, match="no object"):
        one.hand_off(ObjectRef("virtual", url="https://docs.s3.eu-west-1.amazonaws.com/"))


@pytest.mark.parametrize(
    ("url", "origin_name"),
    [
        ("https://files.example/base/a", "web"),
        ("https://files.example/base/deep/a", "deep"),
        ("https://files.example/base/deeper/a", "web"),
        (BUCKET + "a", "docs"),
        (BUCKET + "tenant/a", "tenant"),
        (BUCKET + "tenant", "docs"),
    ],
)
def test_a_url_finds_the_origin_with_the_longest_base(url: str, origin_name: str) -> None:
    assert sender().places.origin_of_url(url) == origin_name


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/a", "https://files.example/", "not a url", "file:///srv/a"]
)
def test_a_url_of_no_origin_is_refused(url: str) -> None:
    with pytest.raises(OriginNotAllowed):
        sender().places.origin_of_url(url)


def test_a_stand_in_brings_its_credentials_and_prefix() -> None:
    stand_in = S3Origin(
        bucket="docs", prefix="p/", **STORE, access_key="other", secret_key="s", session_token="t"
    )
    made = sender().hand_off(ObjectRef("docs", "a", stand_in=stand_in))
    assert unsigned(made.target) == BUCKET + "p/a"
    query = parse_qs(urlsplit(made.target).query)
    assert query["X-Amz-Credential"][0].startswith("other/")
    assert query["X-Amz-Security-Token"] == ["t"]


@pytest.mark.parametrize(
    ("origin_name", "stand_in"),
    [
        ("docs", S3Origin(bucket="other", **STORE, **KEYS)),
        ("docs", S3Origin(bucket="docs", endpoint_url="http://127.0.0.1:9001", region="us-east-1", **KEYS)),
        ("docs", LocalOrigin(root="/srv")),
        ("web", HTTPOrigin(base_url="https://files.example/")),
        ("disk", LocalOrigin(root="/")),
        ("disk", LocalOrigin(root="/srv2")),
    ],
)
def test_a_stand_in_for_another_place_is_refused(origin_name: str, stand_in: Origin) -> None:
    with pytest.raises(OriginNotAllowed):
        sender().hand_off(ObjectRef(origin_name, "a", stand_in=stand_in))


def test_a_directory_is_the_same_with_and_without_its_last_slash() -> None:
    assert sender().hand_off(ObjectRef("disk", "a", stand_in=LocalOrigin(root="/srv/"))).target == "/srv/a"


def test_many_threads_make_whole_hand_offs() -> None:
    one = sender()
    made: list[str] = []

    def work(number: int) -> None:
        made.extend(
            unsigned(one.hand_off(ObjectRef("docs", f"{number}/{step}")).target) for step in range(20)
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(made) == sorted(f"{BUCKET}{number}/{step}" for number in range(8) for step in range(20))


MANY = {"tenants": S3Origin(bucket="tenant-*", prefix="files/", cache=True, **STORE, **KEYS)}


@pytest.mark.parametrize(
    ("style", "base"),
    [
        ("path", "https://s3.eu-west-1.amazonaws.com/{}/"),
        ("virtual", "https://{}.s3.eu-west-1.amazonaws.com/"),
    ],
)
def test_a_stored_url_names_the_bucket_itself(style: Any, base: str) -> None:
    many = S3Origin(bucket="tenant-*", region="eu-west-1", addressing_style=style, **KEYS)
    exact = S3Origin(bucket="tenant-9", region="eu-west-1", addressing_style=style, **KEYS)
    one = sender(tenants=many, zz=exact, aa=exact)
    url = base.format("tenant-7") + "a%2f"
    assert one.places.origin_of_url(url) == "tenants"
    assert one.places.origin_of_url(base.format("tenant-9") + "a") in ("aa", "zz")
    made = one.hand_off(ObjectRef("tenants", url=url))
    assert (made.event.bucket, unsigned(made.target)) == ("tenant-7", url)
    assert one.hand_off(ObjectRef("tenants", bucket="tenant-7", url=url)).target
    with pytest.raises(OriginNotAllowed):
        one.hand_off(ObjectRef("tenants", bucket="tenant-8", url=url))
    for other in ("docs", "tenant-", "tenant-a.b", "tenant-%37", *(["TENANT-7"] if style == "path" else [])):
        with pytest.raises(OriginNotAllowed):
            one.places.origin_of_url(base.format(other) + "a")
        with pytest.raises(OriginNotAllowed):
            one.hand_off(ObjectRef("tenants", url=base.format(other) + "a"))


def test_a_stand_in_may_be_the_tenants_own_bucket_or_the_pattern() -> None:
    one = sender(**MANY)
    own = S3Origin(bucket="tenant-7", **STORE, access_key="own", secret_key="s")
    made = one.hand_off(ObjectRef("tenants", "a", stand_in=own))
    assert (made.event.bucket, unsigned(made.target)) == ("tenant-7", "http://127.0.0.1:9000/tenant-7/a")
    made = one.hand_off(
        ObjectRef("tenants", "a", bucket="tenant-8", stand_in=replace(MANY["tenants"], access_key="own"))
    )
    assert made.event.bucket == "tenant-8"
    assert "own%2F" in made.target
    for other in (replace(own, bucket="docs"), replace(own, endpoint_url="http://127.0.0.1:9001")):
        with pytest.raises(OriginNotAllowed):
            one.hand_off(ObjectRef("tenants", "a", stand_in=other))


def test_origins_with_the_same_keys_share_their_credentials() -> None:
    """A thousand origins with one role ask the instance once, not a thousand times."""
    one = sender(other=S3Origin(bucket="other", **STORE, **KEYS))
    one.hand_off(ObjectRef("docs", "a"))
    assert one.is_ready(ObjectRef("other", "a"))


def test_origins_of_one_bucket_sign_with_their_own_keys_in_their_own_region() -> None:
    place = {"endpoint_url": STORE["endpoint_url"], "region": "eu-west-1"}
    one = sender(other=S3Origin(bucket="docs", access_key="OTHER", secret_key="t", **place))
    signed = (urlsplit(one.hand_off(ObjectRef(name, "a")).target).query for name in ("docs", "other", "docs"))
    found = [parse_qs(query)["X-Amz-Credential"][0].split("/") for query in signed]
    own = (KEYS["access_key"], STORE["region"])
    assert [(key, region) for key, _, region, *_ in found] == [own, ("OTHER", "eu-west-1"), own]


def test_a_url_and_a_hand_off_do_not_ask_all_origins() -> None:
    """What is done for one download is counted: it is the same with ten origins and with a thousand."""

    def work(count: int) -> int:
        origins: dict[str, Origin] = {}
        for number in range(count):
            origins[f"s{number}"] = S3Origin(bucket=f"bucket-{number}", **STORE, **KEYS)
            origins[f"w{number}"] = HTTPOrigin(base_url=f"https://files.example/{number}/")
            origins[f"h{number}"] = HTTPOrigin(base_url=f"https://h{number}.example/")
        one = Sender(Site(origins=origins, secrets=(SECRET,)))
        assert one.places.origin_of_url("https://files.example/3/a") == "w3"
        _kept.cache_clear()
        _form.cache_clear()  # made anew every ten seconds, which may begin in between

        def hand_off() -> None:
            for url in (
                f"http://127.0.0.1:9000/bucket-{count - 1}/a",
                f"https://files.example/{count - 1}/a",
                f"https://h{count - 1}.example/a",
            ):
                one.hand_off(ObjectRef(one.places.origin_of_url(url), "a"))

        return count_calls(hand_off)

    work(10)
    few, many = work(10), work(1000)
    assert many <= few * 1.2, f"{few} calls with 30 origins, {many} with 3000"


def test_a_hand_off_has_the_decision_for_the_log_only_if_the_site_allows_it() -> None:
    options = Options(
        filename="Bericht für Ada.pdf", as_attachment=True, cache_version="v 2", reason="case 7"
    )
    ref = ObjectRef("many", "2026/ä&b.pdf", bucket="acme-1")
    origins = {"many": S3Origin(bucket="acme-*", **STORE, **KEYS)}
    for log_decisions in (False, True):
        site = Site(origins=origins, secrets=(SECRET,), log_decisions=log_decisions)
        made = Sender(site).hand_off(ref, options=options)
        assert made.event.reason == "case 7"
        note = dict(made.headers).get("Xaccel-Note", "")
        if not log_decisions:
            assert not note
            continue
        assert note.isascii()
        assert parse_qs(note.removeprefix("decision:")) == {
            "key": ["acme-1/2026/ä&b.pdf"],
            "filename": ["Bericht für Ada.pdf"],
            "version": ["v 2"],
            "reason": ["case 7"],
            "as_attachment": ["1"],
        }
