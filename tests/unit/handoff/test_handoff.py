from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.site.mappings import each_of
from xaccel import HandOff, HTTPOrigin, InputRefused, LocalOrigin, ObjectRef, Options, S3Origin, Site
from xaccel.errors import HeaderRefused, KeyRefused
from xaccel.handoff.builder import Signing, make_handoff
from xaccel.handoff.headers import default_policy, plain_response
from xaccel.handoff.identifiers import cache_key
from xaccel.handoff.places import Places
from xaccel.signing.endpoint import Endpoint
from xaccel.signing.signer import S3Signer
from xaccel.site.origins import Origin

SECRET = "0123456789abcdef0123456789abcdef"
NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)
ID = "019a53f1-0000-7000-8000-000000000000"
VIRTUAL = Endpoint("https://docs.s3.eu-west-1.amazonaws.com/", "eu-west-1", False)
PATH = Endpoint("http://127.0.0.1:9000/docs/", "us-east-1", True)
STORES: dict[Endpoint, dict[str, str]] = {
    VIRTUAL: {"region": "eu-west-1"},
    PATH: {"region": "us-east-1", "endpoint_url": "http://127.0.0.1:9000"},
}
SIGNER = S3Signer(region="eu-west-1", expires_s=120)
CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "secret-key", None)


def made_site(**more: Any) -> Site:
    origins: dict[str, Origin] = {
        "s3": S3Origin(bucket="docs", cache=True),
        "tenant": S3Origin(bucket="docs", prefix="tenant 1/"),
        "web": HTTPOrigin(
            base_url="HTTPS://Files.Example:443/base/",
            request_headers={"Authorization": "Bearer hush"},
            cache=True,
        ),
        "disk": LocalOrigin(root="/srv/files/"),
    }
    given_here = {
        "origins": origins,
        "secrets": (SECRET, "old" * 12),
        "response_headers": ("X-Robots-Tag", "Vary"),
        "concurrency": {"default": 8, "guests": 2},
    }
    return Site(**{**given_here, **more})


def hand_off(
    origin_name: str,
    key: str,
    options: Options | None = None,
    *,
    method: str = "GET",
    endpoint: Endpoint = VIRTUAL,
    site: Site | None = None,
    **more: Any,
) -> HandOff:
    one, options = site or made_site(), options or Options()
    origins = {
        name: replace(origin, **STORES[endpoint]) if isinstance(origin, S3Origin) else origin
        for name, origin in one.origins.items()
    }
    one = replace(one, origins=origins)
    located = Places(one).locate(ObjectRef(origin_name, key), method, options)
    signs: dict[str, Any] = {"signer": SIGNER, "credentials": CREDENTIALS, **more}
    if not isinstance(located.place.origin, S3Origin):
        signs = {}
    return make_handoff(one, located, options, Signing(now=NOON, transfer_id=ID, **signs))


def test_every_option_has_its_header() -> None:
    made = hand_off(
        "s3",
        "k",
        Options(
            as_attachment=True,
            filename="Bericht.pdf",
            content_type="application/pdf",
            cache_control="private, max-age=60",
            etag="v7",
            last_modified=NOON,
            size=0,
            limit_rate=1,
            limit_rate_after=0,
            concurrency="guests",
            concurrency_key="team 7",
            cache_version="v7",
            subject="user 42",
            content_security_policy="default-src 'none'",
            headers={"x-robots-tag": "noindex", "VARY": "Cookie"},
        ),
        method="HEAD",
    )
    url = "https://docs.s3.eu-west-1.amazonaws.com/k"
    assert made.headers == (
        ("X-Accel-Redirect", "/_xaccel/s3"),
        ("Xaccel-Auth", SECRET),
        ("Xaccel-Id", ID),
        ("Xaccel-Url", SIGNER.sign(url, "GET", CREDENTIALS, NOON)),
        ("Xaccel-Cache-Key", cache_key(made_site().name, "s3", url, "v7")),
        ("Xaccel-Type", "application/pdf"),
        ("Xaccel-Disposition", 'attachment; filename="Bericht.pdf"'),
        ("Xaccel-Cache-Control", "private, max-age=60"),
        ("Xaccel-Etag", '"v7"'),
        ("Xaccel-Last-Modified", "Thu, 05 Nov 2026 12:00:00 GMT"),
        ("Xaccel-Csp", "default-src 'none'"),
        ("Xaccel-Subject", "user 42"),
        ("Xaccel-Size", "0"),
        ("Xaccel-Rate", "1"),
        ("Xaccel-Rate-After", "0"),
        ("Xaccel-Concurrency", "guests"),
        ("Xaccel-Concurrency-Key", "team 7"),
        ("Xaccel-Header-X-Robots-Tag", "noindex"),
        ("Xaccel-Header-Vary", "Cookie"),
    )
    assert made.visible_headers == (
        ("Content-Type", "application/pdf"),
        ("Content-Disposition", 'attachment; filename="Bericht.pdf"'),
        ("Cache-Control", "private, max-age=60"),
        ("ETag", '"v7"'),
        ("Last-Modified", "Thu, 05 Nov 2026 12:00:00 GMT"),
        ("Content-Security-Policy", "default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Robots-Tag", "noindex"),
        ("Vary", "Cookie"),
    )
    assert made.event.method == "HEAD"


def test_a_prefix_cannot_make_a_dot_segment_out_of_harmless_keys() -> None:
    dotted = made_site(origins={"s3": S3Origin(bucket="docs", prefix="tenant/.")})
    with pytest.raises(KeyRefused):
        hand_off("s3", "./../other", site=dotted, endpoint=PATH)
    with pytest.raises(KeyRefused):
        hand_off(
            "s3", "k", site=made_site(origins={"s3": S3Origin(bucket="docs", prefix="../")}), endpoint=PATH
        )
    joined = made_site(origins={"s3": S3Origin(bucket="docs", prefix="a.")})
    with pytest.raises(KeyRefused):
        hand_off("s3", "../b", site=joined, endpoint=PATH)
    assert hand_off("s3", ".b", site=joined, endpoint=PATH).target.startswith(
        "http://127.0.0.1:9000/docs/a..b?"
    )


def test_prefix_and_key_together_keep_to_the_length_of_a_key() -> None:
    prefixed = made_site(origins={"s3": S3Origin(bucket="docs", prefix="p" * 24)})
    assert hand_off("s3", "k" * 1000, site=prefixed)
    with pytest.raises(KeyRefused, match="1025 bytes"):
        hand_off("s3", "k" * 1001, site=prefixed)


TYPES = {
    "application/pdf": ["a.pdf", "a.PDF", "data:text/html,x.pdf"],
    "text/html": ["a.html", "web:a?b.html", "a.pdf?x.html"],
    "application/gzip": ["a.tar.gz", "a.html.gz"],
    "application/x-bzip2": ["a.csv.bz2"],
    "application/x-xz": ["a.csv.xz"],
    "application/octet-stream": ["a.html.br", "a.txt.Z", "a", "a.unknown-extension", "data:te\r\nxt/html,x"],
}


@pytest.mark.parametrize(("content_type", "key"), each_of(TYPES))
def test_a_file_of_a_directory_has_the_type_of_its_extension(content_type: str, key: str) -> None:
    made = hand_off("disk", key)
    assert dict(made.headers)["Xaccel-Type"] == content_type
    assert dict(made.visible_headers)["Content-Security-Policy"] == default_policy(content_type)


# which values are refused: docs/reference/vectors.json
def test_a_wrong_header_is_refused_with_its_name() -> None:
    with pytest.raises(HeaderRefused, match=r"^headers\['Vary'\]: "):
        hand_off("s3", "k", Options(headers={"Vary": ""}))


def test_no_repr_has_a_private_value() -> None:
    signed = ObjectRef("web", url="https://files.example/base/k?X-Amz-Signature=a")
    shown = repr(hand_off("web", "k")) + repr(hand_off("s3", "k")) + repr(made_site()) + repr(signed)
    assert not re.search(f"{SECRET}|hush|X-Amz|AKID|https?:|secret-key", shown)


CHARACTERS = st.characters(exclude_categories=[])
ANY = st.text(CHARACTERS, max_size=30) | st.sampled_from(
    ["\r\nX: y", "a\n", "\x00", "é", "\ud800", "a\u2028b", '"', "%0d%0a"]
)


@given(
    key=ANY,
    filename=st.none() | ANY,
    subject=ANY,
    etag=st.none() | ANY,
    content_type=st.none() | ANY.map("text/".__add__),
    cache_control=st.none() | ANY.map("private, ".__add__),
    content_security_policy=st.none() | ANY,
    cache_version=st.none() | ANY,
    vary=ANY,
    name=st.sampled_from(["Vary", "vary", "X-Robots-Tag"]) | ANY,
    origin_name=st.sampled_from(["s3", "tenant", "web", "disk"]),
    endpoint=st.sampled_from([VIRTUAL, PATH]),
)
def test_no_option_can_inject_a_header(  # noqa: PLR0917
    key: str, filename: Any, subject: str, etag: Any, content_type: Any, cache_control: Any,
    content_security_policy: Any, cache_version: Any, vary: str, name: str, origin_name: str, endpoint: Endpoint,
) -> None:  # fmt: skip
    """Each field is tried alone beside the key, so that one refusal hides no other field."""
    tried = [
        Options(filename=filename),
        Options(subject=subject),
        Options(etag=etag),
        Options(content_type=content_type),
        Options(cache_control=cache_control),
        Options(content_security_policy=content_security_policy),
        Options(cache_version=cache_version),
        Options(headers={name: vary}),
        Options(filename=filename, subject=subject, etag=etag, cache_version=cache_version),
    ]
    for options in tried:
        try:
            made = hand_off(origin_name, key, options, endpoint=endpoint)
        except InputRefused:
            continue
        for header, value in (*made.headers, *made.visible_headers):
            assert re.fullmatch("[A-Za-z-]+", header)
            assert re.fullmatch("[!-~](?:[ -~]*[!-~])?", value)
        names = [header for header, _ in made.headers]
        assert len(names) == len(set(names))
        assert len({header for header, _ in made.visible_headers}) == len(made.visible_headers)


@given(
    key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40),
    endpoint=st.sampled_from([VIRTUAL, PATH]),
)
def test_the_target_is_the_object_and_nothing_else(key: str, endpoint: Endpoint) -> None:
    try:
        made = hand_off("tenant", key, endpoint=endpoint)
    except KeyRefused:
        assert endpoint is PATH
        return
    parts = urlsplit(made.target)
    assert f"{parts.scheme}://{parts.netloc}{unquote(parts.path)}" == f"{endpoint.base_url}tenant 1/{key}"
    assert {name for name in parse_qs(parts.query) if not name.startswith("X-Amz-")} == set()
    assert parts.fragment == ""


@given(st.text(CHARACTERS, min_size=1, max_size=30))
def test_a_directory_target_never_leaves_the_directory(key: str) -> None:
    assume("\ud800" not in key)
    try:
        made = hand_off("disk", key)
    except KeyRefused:
        return
    assert made.target == f"/srv/files/{key}"
    entry = dict(made.headers)["X-Accel-Redirect"]
    assert unquote(entry) == f"/_xaccel/disk/{key}"
    assert not {"", ".", ".."} & set(key.split("/"))


@pytest.mark.parametrize(
    ("text", "body"), [("", b"Forbidden\n"), ("Ask for access.\n", b"Ask for access.\n")]
)
def test_a_plain_response_without_a_text_says_what_its_status_means(text: str, body: bytes) -> None:
    assert plain_response(403, "GET", text).body == body
    assert plain_response(403, "HEAD", text).body == b""
