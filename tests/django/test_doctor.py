"""`manage.py xaccel doctor`."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.test import override_settings

HAND_OFF = "xaccel.django.HandOffMiddleware"


def doctor(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("xaccel", "doctor", "--no-nginx", *words, stdout=out)
    return int(end.value.code or 0), out.getvalue()


def test_a_project_with_right_settings_has_no_finding_of_django() -> None:
    assert doctor("--only", "XA104") == (0, "xaccel doctor: 1 fine\n")


@pytest.mark.parametrize(
    ("middleware", "says", "status"),
    [
        ([], "xaccel.E002", "fail"),
        (["django.middleware.common.CommonMiddleware", HAND_OFF], "xaccel.W006", "warn"),
    ],
)
def test_a_system_check_of_xaccel_that_fails_is_a_finding(
    middleware: list[str], says: str, status: str
) -> None:
    with override_settings(MIDDLEWARE=middleware):
        code, printed = doctor("--only", "XA104", "--json")
    (found,) = json.loads(printed)["results"]
    assert (code, found["id"], found["status"]) == (int(status == "fail"), "XA104", status)
    assert says in found["evidence"][0]


def test_a_warning_that_the_project_silences_is_no_finding() -> None:
    behind = ["django.middleware.common.CommonMiddleware", HAND_OFF]
    with override_settings(MIDDLEWARE=behind, SILENCED_SYSTEM_CHECKS=["xaccel.W006"]):
        assert doctor("--only", "XA104") == (0, "xaccel doctor: 1 fine\n")


@override_settings(XACCEL={"SECRET": "short"})
def test_wrong_settings_are_a_finding_and_hide_all_others() -> None:
    status, printed = doctor("--json")
    found = {one["id"]: one["status"] for one in json.loads(printed)["results"]}
    assert (status, found.pop("XA101")) == (1, "fail")
    assert set(found.values()) == {"skipped"}


def test_explain_needs_no_site() -> None:
    out = io.StringIO()
    call_command("xaccel", "doctor", "explain", "XA304", stdout=out)
    assert out.getvalue().startswith("XA304\n")
