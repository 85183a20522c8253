"""What a call for a folder must say, what the response then says, and what NGINX is told about an object later."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.features.grants.sites import KEYS, SECRET, SESSION, SITE, headers_for_nginx, site
from xaccel import ObjectRef, Options, Sender
from xaccel.errors import OptionRefused
from xaccel.features.grants.folder import sign
from xaccel.features.grants.grant import make_grant
from xaccel.site import read_mapping
from xaccel.site.keys import nginx_token
from xaccel.site.origins import S3Origin
from xaccel.site.protocol import TOKEN_HEADER
from xaccel.site.rules import PLAIN_SEGMENT

ADDRESS = "*/files/7/ c/s1.ts"
OTHER = S3Origin(bucket="files", **{**KEYS, "access_key": "AKIB"})


def headers(ref: ObjectRef, folder: str | None, address: str = ADDRESS, **options: Any) -> dict[str, str]:
    made = site()
    chosen = Options(grant=30, grant_session=SESSION, grant_folder=folder, **options)
    make_grant(made, chosen)  # an error of the call comes before one of the hand-off
    return headers_for_nginx(made, Sender(made).hand_off(ref, options=chosen), chosen, address)


@pytest.mark.parametrize(
    ("ref", "key", "place", "url"),
    [
        (ObjectRef("media", "ü/c/s1.ts"), "%C3%BC/", "/_xaccel/media/%C3%BC/", ""),
        (ObjectRef("web", "ü/c/s1.ts"), "%C3%BC/", "/_xaccel/web", "https://files.example/x/%C3%BC/"),
        (ObjectRef("web", url="https://files.example/x/%c3%bc/c/s1.ts"), "%C3%BC/", "/_xaccel/web", "https://files.example/x/%c3%bc/"),
        (ObjectRef("bucket", "ü/c/s1.ts"), "%C3%BC/", "/_xaccel/bucket/sign", "/ticket/"),
        (ObjectRef("tenants", "ü/c/s1.ts", bucket="acme-1"), "acme-1/%C3%BC/", "/_xaccel/tenants/sign", "/ticket/"),
    ],
)  # fmt: skip
def test_the_response_names_the_place_of_the_folder(ref: ObjectRef, key: str, place: str, url: str) -> None:
    sent = headers(ref, "ü/", subject="17")
    assert sent["Xaccel-Grant-Scope"] == "*/files/7/"
    assert sent["Xaccel-Grant-Key"] == key
    assert sent["Xaccel-Grant-Place"] == place
    assert re.sub("^/[A-Za-z0-9_.-]{60,}/$", "/ticket/", sent.get("Xaccel-Grant-Url", "")) == url


@pytest.mark.parametrize(
    "address", ["/files/7/s1.ts?x", "/files/%37/s1.ts ", "/files/7/icon@2x.png ", "/files/7/s1.ts"]
)
def test_an_address_that_is_not_plain_is_remembered_alone(address: str) -> None:
    sent = headers(ObjectRef("media", "film/s1.ts"), "film/", address)
    assert sent["Xaccel-Grant-Scope"] == address.strip()
    assert "Xaccel-Grant-Place" not in sent


@pytest.mark.parametrize(
    ("ref", "folder", "what"),
    [
        (ObjectRef("media", "film/c/s2.ts"), "film/", "is not 'film/' and 'c/s1.ts'"),
        (ObjectRef("media", "other/film/c/s1.ts"), "film/", "is not 'film/' and"),
        (ObjectRef("media", "film/c/s1.ts"), None, "is not '' and 'c/s1.ts'"),
        (ObjectRef("web", url="https://files.example/x/film/c/%731.ts"), "film/", "URL does not end like"),
        (ObjectRef("web", url="https://files.example/x/film/c/s1.ts?sig=1"), "film/", "URL does not end like"),
        (ObjectRef("media", "filmc/s1.ts"), "film", "is not 'film' and"),
        (ObjectRef("media", "c/s1.ts"), "", "is not '' and"),
        (ObjectRef("media", "film/c/s1.ts"), "/", "is not '/' and"),
        (ObjectRef("bucket", "film/c/s1.ts", stand_in=OTHER), "film/", "credentials of the file"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_fit_is_a_clear_error(ref: ObjectRef, folder: str | None, what: str) -> None:
    with pytest.raises(OptionRefused, match=what):
        headers(ref, folder)


@pytest.mark.parametrize(
    "of_one",
    [
        {"filename": "x"}, {"content_type": "video/mp2t"}, {"etag": "x"}, {"last_modified": datetime.now(UTC)},
        {"size": 1}, {"cache_version": "1"}, {"version_id": "1"},
    ],
)  # fmt: skip
def test_what_is_of_one_object_is_refused(of_one: dict[str, Any]) -> None:
    with pytest.raises(OptionRefused, match=f"{next(iter(of_one))} is of one object"):
        headers(ObjectRef("bucket", "film/c/s1.ts"), "film/", **of_one)


def test_a_site_without_folders_refuses_one() -> None:
    chosen = Options(grant=30, grant_session=SESSION, grant_folder="film/")
    with pytest.raises(OptionRefused, match="GRANTS has no folders"):
        make_grant(site(folders=[]), chosen)


def test_a_url_is_signed_for_nginx_alone_and_for_objects_of_the_folder() -> None:
    sender = Sender(site())
    ticket = headers(ObjectRef("bucket", "film/c/s1.ts"), "film/")["Xaccel-Grant-Url"]
    path, known = f"/_xaccel/.sign{ticket}", {TOKEN_HEADER.lower(): nginx_token(SECRET)}
    found = sign(sender, f"{path}4/5.png", "GET", known)
    sent = dict(found.headers)
    assert (found.status, sent["X-Accel-Expires"]) == (200, "300")
    assert sent["Xaccel-Url"].startswith("https://s3.example/files/film/4/5.png?")
    assert "X-Amz-Expires=420" in sent["Xaccel-Url"]
    altered = path.replace("/_xaccel/.sign/", "/_xaccel/.sign/x")
    for other in (
        f"{path}../x",
        f"{path}%2e%2e/x",
        path,
        f"{path}a//b",
        f"{path}a?b",
        f"{altered}a",
        "/_xaccel/.sign/",
    ):
        assert sign(sender, other, "GET", known).status == 404, other
    for wrong in ("", "x", nginx_token("x" * 40)):
        assert sign(sender, f"{path}a", "GET", {TOKEN_HEADER.lower(): wrong}).status == 404
    gone = read_mapping.read({**SITE, "ORIGINS": {"media": SITE["ORIGINS"]["media"]}})
    assert sign(Sender(gone), f"{path}a", "GET", known).status == 404


@pytest.mark.parametrize(
    "name", ["", ".", "..", "..a", "a/b", "a%2fb", "a b", "ü", "a@2x.png", "a\n", "a.", "-" * 200, "..."]
)
def test_a_segment_is_plain(name: str) -> None:
    assert not re.fullmatch(PLAIN_SEGMENT, name)


@pytest.mark.parametrize("name", ["a", ".zarray", "s1.ts", "a..b", "0.0.0", "_-_", "a" * 127])
def test_a_plain_segment_is_taken(name: str) -> None:
    assert re.fullmatch(PLAIN_SEGMENT, name)
