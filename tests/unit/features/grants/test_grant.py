"""What a call must say so that NGINX may remember its hand-off, and what the response then says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pages import ROOT
from tests.unit.features.grants.sites import SECRET, SESSION, SITE, headers_for_nginx, site
from tests.unit.site.mappings import each_of
from xaccel import ObjectRef, Options, Sender
from xaccel.adapters.base import require_own_cookie
from xaccel.errors import ConfigErrors, OptionRefused
from xaccel.features.grants.grant import key_of, make_grant
from xaccel.site import read_mapping
from xaccel.tools.nginx.grants import folders


def headers(origin: str = "media", *, token: str = SECRET, address: str = "/files/1", **options: Any) -> Any:
    made = site()
    chosen = Options(**{"grant": 30, "grant_session": SESSION, **options})
    hand_off = Sender(made).hand_off(
        ObjectRef(origin, "x") if origin != "signed" else ObjectRef(origin, url="https://files.example/x"),
        options=chosen,
    )
    return headers_for_nginx(made, hand_off, chosen, address, token)


def test_the_response_names_session_address_life_and_marks() -> None:
    sent = headers(subject="17", grant_tags=["film-7"])
    kinds = [("session", SESSION), ("user", "17"), ("tag", "film-7")]
    assert sent["Xaccel-Grant"].split(" ") == [key_of(site(), *each) for each in kinds]
    assert sent["Xaccel-Grant-For"] == SESSION
    assert sent["Xaccel-Grant-Scope"] == "/files/1"
    assert sent["X-Accel-Expires"] == "30"


OTHER = {"grant_session": [""], "address": ["", "/a b", "/" + "a" * 2000], "token": ["x" * 40]}


@pytest.mark.parametrize(("name", "value"), each_of(OTHER))
def test_nothing_is_said_without_a_session_or_to_another_than_nginx(name: str, value: str) -> None:
    assert not {
        header for header in headers(**{name: value}) if "Grant" in header or header == "X-Accel-Expires"
    }


def test_a_signature_is_valid_at_the_last_use() -> None:
    assert "X-Amz-Expires=150" in headers("bucket")["Xaccel-Url"]
    assert "X-Amz-Expires=420" in headers("bucket", grant=300)["Xaccel-Url"]


def test_a_grant_ends_before_the_urls_of_the_app() -> None:
    assert headers("signed", grant=59)["X-Accel-Expires"] == "59"
    with pytest.raises(OptionRefused, match="valid for 60 seconds"):
        headers("signed", grant=60)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"grant": 0}, "not a number of seconds"),
        ({"grant": 301}, "not a number of seconds"),
        ({"grant": True}, "not a number of seconds"),
        ({"grant": "30"}, "not a number of seconds"),
        ({"grant_session": None}, "session is not named"),
        ({"grant_session": "short"}, "no such id"),
        ({"grant_session": "a:b" * 10}, "no such id"),
        ({"grant_session": "x" * 257}, "no such id"),
        ({"grant_tags": ["a", "b", "c"]}, "not tags"),
        ({"grant_tags": [""]}, "not tags"),
        ({"grant_tags": [7]}, "not tags"),
    ],
)
def test_an_unsuitable_grant_is_a_clear_error(options: dict[str, Any], what: str) -> None:
    chosen = {"grant": 30, "grant_session": SESSION, **options}
    with pytest.raises(OptionRefused, match=what) as caught:
        make_grant(site(), Options(**chosen))
    assert "x" * 20 not in str(caught.value)


def test_a_site_without_grants_refuses_one() -> None:
    without = read_mapping.read({key: value for key, value in SITE.items() if key != "GRANTS"})
    with pytest.raises(OptionRefused, match="has no GRANTS"):
        make_grant(without, Options(grant=30, grant_session=SESSION))


WRONG: dict[str, list[Any]] = {
    "paths": [["files"], ["/"], ["/_xaccel/"], ["/a b/"], ["/a/../b/"]],
    "cookie": ["a b", ""],
    "max_grant": [901, 0],
    "folder": ["run", "/run/$x"],
    "nginx": [["10.0.0.1"]],
    "include": ["relative"],
    "folders": [["/files/a"], ["/files/a*/"], ["/other/*/"], ["*/files/"]],
}


@pytest.mark.parametrize(("setting", "value"), each_of(WRONG))
def test_wrong_settings_are_errors(setting: str, value: Any) -> None:
    with pytest.raises(ConfigErrors, match=f'GRANTS"\\]\\["{setting}'):
        site(**{setting: value})


def test_a_path_is_for_uploads_or_for_grants() -> None:
    uploads = {"app": "127.0.0.1:8000", "paths": ["/files/", "/upload/"], "origins": ["bucket"]}
    with pytest.raises(ConfigErrors, match="'/files/' is one of the paths of UPLOADS too"):
        read_mapping.read({**SITE, "UPLOADS": uploads})
    assert read_mapping.read({**SITE, "UPLOADS": {**uploads, "paths": ["/upload/"]}}).uploads


def test_marks_are_the_same_with_another_secret_and_differ_between_sites() -> None:
    other = read_mapping.read({**SITE, "SECRET": "x" * 40})
    named = read_mapping.read({**SITE, "NAME": "shop"})
    keys = [key_of(each, "user", "17") for each in (site(), other, named)]
    assert keys[0] == keys[1] != keys[2]
    assert key_of(site(), "user", "17") != key_of(site(), "tag", "17")


def test_systemd_makes_the_folders_of_grants_anew() -> None:
    text = (ROOT / "deploy/systemd/nginx.service.d/xaccel-grants.conf").read_text()
    names = [str(folder.relative_to("/run")) for folder in folders(site())]
    assert f"\nRuntimeDirectory={' '.join(names)}\nRuntimeDirectoryMode=0700\n" in text


def test_a_cookie_with_the_signed_session_is_no_session_id() -> None:
    require_own_cookie(site(), "session")
    with pytest.raises(OptionRefused, match="'sid' has the signed content of the session"):
        require_own_cookie(site(), "sid")
