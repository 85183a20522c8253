"""check_file refuses what send_file would refuse, before anything is stored."""

from __future__ import annotations

import pytest

from xaccel.django import check_file, send_file
from xaccel.errors import InputRefused

KEYS = [
    *("report.pdf", "", ".", "../a", "a/..", "a\\..\\b", "a\0b"),
    *("é" * 513, "\ud800", "..a", "a//b", "a%2f..%00"),
]
NAMES = ["a.txt", "a\u2028.txt", "a\n", "\ud800", "...", "50%20off.txt", "a/b"]


def outcome(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except InputRefused as refused:
        return next(kind for kind in type(refused).__mro__ if kind.__module__ == "xaccel.errors"), str(
            refused
        )
    return None


@pytest.mark.parametrize("origin", ["documents", "partner", "media"])
def test_same_outcome_as_send_file(origin, site, rf, tmp_path):
    s3 = {"bucket": "docs", "region": "eu-central-1", "access_key": "AK", "secret_key": "SK"}
    partner = {"type": "http", "base_url": "https://p.example/f/"}
    media = {"type": "local", "root": str(tmp_path)}
    site(ORIGINS={"documents": {"type": "s3", **s3}, "partner": partner, "media": media})
    calls = [(key, {}) for key in KEYS] + [("a", {"filename": name}) for name in NAMES]
    calls += [("a", {"content_type": "multipart/mixed"}), ("a", {"size": -1}), ("a", {"etag": "x\r\n"})]
    found = [outcome(check_file, key, origin=origin, **options) for key, options in calls]
    sent = [
        outcome(send_file, rf.get("/"), key, origin=origin, subject="7", **options) for key, options in calls
    ]
    assert found == sent
    assert sum(one is not None for one in found) >= 9


def test_needs_no_credentials(site, monkeypatch):
    from xaccel.signing.credentials import CredentialSource

    monkeypatch.setattr(CredentialSource, "current", lambda self: pytest.fail("asked for credentials"))
    site(ORIGINS={"only": {"type": "s3", "bucket": "docs", "region": "eu-west-1"}})
    check_file("a.pdf", filename="A.pdf")
    with pytest.raises(InputRefused, match="empty"):
        check_file("")


def test_key_of_an_origin_whose_urls_the_app_signs_is_checked(site):
    site(ORIGINS={"azure": {"type": "http", "base_url": "https://p.example/f/", "expires_s": 300}})
    check_file("a.pdf")
    with pytest.raises(InputRefused, match="as a segment"):
        check_file("../a.pdf")
