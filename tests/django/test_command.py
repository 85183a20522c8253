"""manage.py xaccel."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from xaccel.django.conf import configuration


def test_config_prints_the_site_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    call_command("xaccel", "config", "--nginx-version", "1.26.3", "--part", "http", stdout=out)
    assert configuration().site.secrets[0] in out.getvalue()
    assert not out.getvalue().endswith("\n\n")
    assert capsys.readouterr().out == ""


def test_wrong_settings_end_the_command_with_all_problems(settings: Any) -> None:
    settings.XACCEL = {"ORIGINS": {"a": {"BACKEND": "x"}, "b": {"BACKEND": "y"}}}
    with pytest.raises(CommandError, match=r'(?s)\["a"\].*\["b"\]'):
        call_command("xaccel", "config", "--nginx-version", "1.26.3")


def test_wrong_arguments_end_the_command() -> None:
    with pytest.raises(CommandError, match="version"):
        call_command("xaccel", "config", "--nginx-version", "new")
