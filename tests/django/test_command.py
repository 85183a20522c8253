"""manage.py xaccel."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from xaccel.django.conf import configuration
from xaccel.django.management.commands.xaccel import Command


def test_config_prints_the_site_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    call_command("xaccel", "config", "--nginx-version", "1.26.3", stdout=out)
    origins = configuration().site.origins
    assert origins
    assert all(f"/_xaccel/{name}" in out.getvalue() for name in origins)
    assert not out.getvalue().endswith("\n\n")
    assert capsys.readouterr().out == ""


def test_wrong_settings_end_the_command_with_all_problems(settings: Any) -> None:
    settings.XACCEL = {"ORIGINS": {"a": {"type": "x"}, "b": {"type": "y"}}}
    with pytest.raises(CommandError, match=r'(?s)\["a"\].*\["b"\]'):
        call_command("xaccel", "config", "--nginx-version", "1.26.3")


def test_wrong_arguments_end_the_command() -> None:
    with pytest.raises(CommandError, match="version"):
        call_command("xaccel", "config", "--nginx-version", "new")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--settings", "tests.django.settings", "config", "--traceback", "--nginx-version", "1.31.9"],
        ["config", "--nginx-version", "1.31.9", "--pythonpath", ".", "--settings=tests.django.settings"],
    ],
)
def test_djangos_own_options_are_taken_behind_the_subcommand(arguments: list[str]) -> None:
    done = manage(*arguments)
    assert (done.returncode, done.stderr.count("error")) == (0, 0)
    assert "location" in done.stdout


def test_a_secret_is_made_before_the_settings_are_right(settings: Any) -> None:
    settings.XACCEL = {"ORIGINS": {"a": {"type": "x"}}}
    out = io.StringIO()
    call_command("xaccel", "secret", stdout=out)
    assert len(out.getvalue()) == 44


def test_the_secret_of_a_variable_replaces_the_derived_one(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XACCEL_TEST_SECRET", "v" * 32)
    settings.XACCEL = {
        "ORIGINS": {"a": {"type": "local", "root": "/srv"}},
        "SECRET_ENV": "XACCEL_TEST_SECRET",
    }
    assert configuration().site.secrets == ("v" * 32,)


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py xaccel` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "django", "xaccel", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
    )


def test_arguments_do_not_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["secret", "\x1b[31m\n\u202e"], ["\x1b[31m\n\u202e"]):
        with pytest.raises(SystemExit):
            Command().run_from_argv(["manage.py", "xaccel", *arguments])
        assert capsys.readouterr().err.replace("\n", "").isprintable()
