"""The recorded query of a stored URL identifies the file and never contains a signature."""

from __future__ import annotations

import re

import pytest

from xaccel import ObjectRef
from xaccel.decisions import authorized
from xaccel.errors import ConfigErrors
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.site.read_mapping import read
from xaccel.site.url_query import recorded_query

SECRETS = ["first-0123456789-abcdefghijklmnopqrstuv", "second-0123456789-abcdefghijklmnopqrstuv"]
BASE = "https://files.example/"


def recorded(query: str, *, plain: tuple[str, ...] = (), secret: str = SECRETS[0], **options: int) -> str:
    """The query of the event of a download of `query`."""
    origin = {"type": "http", "base_url": BASE, **options}
    site = read({"SECRET": secret, "ORIGINS": {"partner": origin}, "RECORDED_PARAMETERS": list(plain)})
    hand_off = Sender(site).hand_off(ObjectRef("partner", url=f"{BASE}get.php{query}"), options=Options())
    event = authorized(hand_off, 200)
    assert event.key == "get.php"
    return event.query


def test_queries_of_one_path_differ_by_digest_without_their_values() -> None:
    seven, eight = recorded("?id=7"), recorded("?id=8")
    assert seven != eight
    assert re.fullmatch("#[0-9a-f]{4}-[0-9a-f]{32}", seven)
    assert recorded("?id=7") == seven
    assert (recorded(""), recorded("?"), recorded("?&")) == ("", "", "")


def test_the_digest_is_keyed_and_says_with_which_key() -> None:
    first, second = recorded("?id=7"), recorded("?id=7", secret=SECRETS[1])
    assert first.partition("-")[0] != second.partition("-")[0] == recorded("?x", secret=SECRETS[1])[:5]
    assert first.partition("-")[2] != second.partition("-")[2]


def test_named_parameters_are_recorded_as_they_are() -> None:
    query = recorded("?id=7&lang=de%20CH&secret=x&%69d=9", plain=("id", "lang"))
    assert query == f"id=7&lang=de%20CH&%69d=9{recorded('?id=7&lang=de%20CH&secret=x&%69d=9')}"


SIGNATURES = [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-Signature=SIGNED",
    "AWSAccessKeyId=a&Expires=1&Signature=SIGNED",
    "Policy=a&Signature=SIGNED&Key-Pair-Id=c",
    "GoogleAccessId=a&Expires=1&Signature=SIGNED",
    "X-Goog-Algorithm=a&x-goog-signature=SIGNED",
    "se=2026&sp=r&sv=2024&sr=b&sig=SIGNED",
    "token=SIGNED",
    "%73ig=SIGNED",
]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_is_in_no_record_and_does_not_change_the_digest(signature: str) -> None:
    names = [part.partition("=")[0] for part in signature.split("&")]
    assert recorded(f"?id=7&{signature}") == recorded("?id=7") == recorded(f"?{signature}&id=7")
    assert recorded(f"?{signature}") == ""
    for name in names:
        if not name.startswith("%"):
            with pytest.raises(ConfigErrors, match="may contain a signature or a password"):
                recorded("", plain=(name,))


@pytest.mark.parametrize(
    "name", ["password", "pwd", "API_KEY", "sessionid", "Authorization", "jwt", "secret"]
)
def test_a_parameter_with_the_name_of_a_secret_is_not_recorded_as_it_is(name: str) -> None:
    with pytest.raises(ConfigErrors, match="may contain a signature or a password"):
        recorded("?id=7", plain=(name,))


def test_short_names_are_azures_beside_its_signature_only() -> None:
    assert recorded("?se=7") != recorded("?se=8")


def test_a_url_that_the_app_signs_has_no_digest() -> None:
    assert recorded("?id=7&any=SIGNED", plain=("id",), expires_s=60) == "id=7"
    assert recorded("?any=SIGNED", expires_s=60) == ""


def test_the_query_of_a_stored_url_of_a_bucket_has_a_digest() -> None:
    origin = {"type": "s3", "bucket": "docs", "region": "eu-west-1"}
    site = read({"SECRET": SECRETS[0], "ORIGINS": {"docs": origin}})
    url = "https://docs.s3.eu-west-1.amazonaws.com/a?any=7"
    assert recorded_query(site.origins["docs"], url, (), SECRETS[0]) == recorded("?any=7")
