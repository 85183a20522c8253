"""The number of sign-in attempts is limited."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.test import Client

from portal.files.client_network import client_network

LIMIT = 10


def sign_in(username, password, where="/login", **headers):
    return Client(headers=headers).post(where, {"username": username, "password": password})


def wrong(username, times, **headers):
    return [sign_in(username, f"guess {number}", **headers).status_code for number in range(times)]


@pytest.mark.parametrize("where", ["/login", "/admin/login/"])
def test_the_right_password_is_refused_after_too_many_wrong_ones(where, person):
    person("mei", superuser=True)
    found = [sign_in("mei", f"guess {number}", where) for number in range(20)]
    assert [page.status_code for page in found] == [200] * (LIMIT - 1) + [429] * (21 - LIMIT)
    page = sign_in("mei", "password of mei", where)
    assert page.status_code == 429
    assert "sessionid" not in page.cookies
    assert "You cannot sign in with this user name for 15 minutes." in page.content.decode()
    assert page.headers["Retry-After"] == "900"
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Content-Security-Policy"]


def test_the_wait_ends_though_the_attacker_goes_on(person, monkeypatch):
    person("mei")
    wrong("mei", LIMIT)
    for attempt in AccessAttempt.objects.all():
        attempt.attempt_time -= timedelta(minutes=14)
        attempt.save()
    assert wrong("mei", 3) == [429] * 3
    for attempt in AccessAttempt.objects.all():
        attempt.attempt_time -= timedelta(minutes=2)
        attempt.save()
    assert sign_in("mei", "password of mei").status_code == 302


def test_others_and_other_addresses_are_not_locked_out(person, settings):
    settings.TRUSTED_PROXY = True
    person("mei")
    person("sam")
    wrong("mei", LIMIT, **{"X-Real-IP": "192.0.2.1"})
    assert sign_in("mei", "password of mei", **{"X-Real-IP": "192.0.2.1"}).status_code == 429
    assert sign_in("mei", "password of mei", **{"X-Real-IP": "192.0.2.2"}).status_code == 302
    assert sign_in("sam", "password of sam", **{"X-Real-IP": "192.0.2.1"}).status_code == 302


def test_address_that_the_client_invents_does_not_count(person):
    person("mei")
    for number in range(LIMIT):
        wrong("mei", 1, **{"X-Real-IP": f"192.0.2.{number}", "X-Forwarded-For": f"192.0.2.{number}"})
    assert sign_in("mei", "password of mei", **{"X-Real-IP": "192.0.2.99"}).status_code == 429


def test_addresses_of_one_ipv6_network_count_together(person, settings, rf):
    settings.TRUSTED_PROXY = True
    person("mei")
    for number in range(LIMIT):
        wrong("mei", 1, **{"X-Real-IP": f"2001:db8:1:2::{number:x}"})
    assert sign_in("mei", "password of mei", **{"X-Real-IP": "2001:db8:1:2:ffff::1"}).status_code == 429
    assert sign_in("mei", "password of mei", **{"X-Real-IP": "2001:db8:1:3::1"}).status_code == 302
    assert client_network(rf.get("/", headers={"X-Real-IP": "192.0.2.7"})) == "192.0.2.7"
    assert client_network(rf.get("/", headers={"X-Real-IP": "::ffff:192.0.2.7"})) == "192.0.2.7"


@pytest.mark.parametrize(
    "case",
    [
        (False, {"X-Real-IP": "203.0.113.7", "X-Forwarded-For": "203.0.113.8"}, "127.0.0.1"),
        (True, {"X-Real-IP": "203.0.113.7", "X-Forwarded-For": "203.0.113.8"}, "203.0.113.7"),
        (True, {"X-Forwarded-For": "10.0.0.1, 2001:db8::9"}, "2001:db8::"),
        (True, {"X-Real-IP": "not an address"}, None),
        (True, {}, "127.0.0.1"),
    ],
)
def test_network_comes_from_a_header_only_behind_a_trusted_proxy(case, settings, rf):
    trusted, headers, network = case
    settings.TRUSTED_PROXY = trusted
    assert client_network(rf.get("/", headers=headers)) == network


def test_success_forgets_earlier_mistakes(person):
    person("mei")
    for _ in range(3):
        wrong("mei", LIMIT - 1)
        assert sign_in("mei", "password of mei").status_code == 302


def test_no_password_and_no_token_is_stored(person):
    person("mei")
    Client().post("/login", {"username": "mei", "password": "almost right", "csrfmiddlewaretoken": "t" * 64})
    [attempt] = AccessAttempt.objects.all()
    assert "almost right" not in attempt.post_data
    assert "ttt" not in attempt.post_data
