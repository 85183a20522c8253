"""The secret from an environment variable or a file: what is wrong, where, and what to do."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from xaccel.errors import ConfigErrors
from xaccel.site import read_mapping
from xaccel.tools import cli

NEW, OLD = "n" * 32, "o" * 43
NAME = "XACCEL_TEST_SECRET"
LEAST = {"origins": {"disk": {"type": "local", "root": "/srv/files"}}}
MAKE = "Make one with: xaccel secret."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def told(mapping: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        read_mapping.read({**LEAST, **mapping}, "site.toml")
    return [str(problem) for problem in errors.value.problems]


@pytest.mark.parametrize(
    ("text", "secrets"),
    [(NEW, (NEW,)), (f"{NEW}\n", (NEW,)), (f"{NEW} {OLD}", (NEW, OLD)), (f"{NEW}\n{OLD}\n", (NEW, OLD))],
)
def test_one_secret_or_two_come_from_a_variable_or_a_file(
    text: str, secrets: tuple[str, ...], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    file.write_text(text)
    assert read_mapping.read({**LEAST, "secret_env": NAME}).secrets == secrets
    assert read_mapping.read({**LEAST, "SECRET_FILE": str(file)}).secrets == secrets


def test_a_site_file_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f'secret_env = "{NAME}"\n[origins.disk]\ntype = "local"\nroot = "/srv/files"\n')
    monkeypatch.setenv(NAME, NEW)
    assert read_mapping.site_of(str(site)).secrets == (NEW,)


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert told({"secret_env": NAME}) == [
        f'site.toml["SECRET_ENV"]: the environment variable {NAME} is not set. Set it for each process that reads the'
        f" site: the app, and the command xaccel. {MAKE}"
    ]


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_secret_variable_or_file_is_an_error(
    text: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    file.write_text(text)
    assert told({"secret_env": NAME}) == [
        f'site.toml["SECRET_ENV"]: the environment variable {NAME} is empty. {MAKE}'
    ]
    assert told({"secret_file": str(file)}) == [f'site.toml["SECRET_FILE"]: the file {file} is empty. {MAKE}']


@pytest.mark.parametrize("text", ["hush-hush", f"{NEW} hush-hush", f"{NEW} {NEW} {OLD}"])
def test_an_error_about_a_secret_does_not_contain_it(
    text: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    file.write_text(text)
    [of_variable], [of_file] = told({"secret_env": NAME}), told({"secret_file": str(file)})
    assert of_variable.startswith(f'site.toml["SECRET_ENV"]: the environment variable {NAME}: ')
    assert of_file.startswith(f'site.toml["SECRET_FILE"]: the file {file}: ')
    assert ("too short" in of_file) == ("hush" in text)
    assert "hush" not in of_variable + of_file
    assert NEW not in of_variable + of_file


def test_a_file_that_is_not_there(file: Path) -> None:
    assert told({"secret_file": str(file)}) == [
        f'site.toml["SECRET_FILE"]: the file {file} does not exist. {MAKE} Write it to this file.'
    ]


def test_a_file_that_must_not_be_read_says_whom_to_let(file: Path) -> None:
    file.write_text(NEW)
    file.chmod(0)
    for folder in list(file.parents)[:3]:  # pytest's own, which are for one user
        folder.chmod(folder.stat().st_mode | 0o011)
    user = os.geteuid()
    if user == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        found = told({"secret_file": str(file)})
    finally:
        os.seteuid(user)
    assert found == [
        f'site.toml["SECRET_FILE"]: the file {file} cannot be read (Permission denied). Let the users of the app and of'
        " the command xaccel read it, and nobody else."
    ]


def test_a_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    [said] = told({"secret_file": str(file)})
    assert f"the file {file} cannot be read (it is not text in UTF-8)" in said


@pytest.mark.parametrize("name", ["secret", ""])
def test_a_relative_path_is_refused(name: object) -> None:
    assert told({"secret_file": name}) == [
        f'site.toml["SECRET_FILE"]: {name!r} is not an absolute path. Write for example "/etc/xaccel/secret".'
    ]


def test_a_variable_needs_a_name() -> None:
    assert "is not the name of an environment variable" in told({"secret_env": ""})[0]


@pytest.mark.parametrize("key", ["secret_env", "secret_file"])
def test_the_place_is_text(key: str) -> None:
    assert told({key: ["A"]})[0].startswith(f"site.toml[\"{key.upper()}\"]: ['A'] is not a text.")
    assert "the site has no secret" in told({key: None})[0]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"secret": NEW, "secret_env": NAME}, "SECRET and SECRET_ENV"),
        ({"secret_env": NAME, "secret_file": "/x"}, "SECRET_ENV and SECRET_FILE"),
    ],
)
def test_only_one_place_has_the_secret(given: dict[str, str], names: str) -> None:
    assert told(given) == [f"site.toml: {names} exclude each other. Give one of them only."]


def test_other_problems_are_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert len(told({"secret_env": NAME, "name": "No Name"})) == 2


def test_the_command_makes_another_secret_each_time_and_needs_no_site(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for _ in range(2):
        assert cli.main(["secret"]) == 0
        made.append(capsys.readouterr().out.rstrip("\n"))
    assert made[0] != made[1]
    for one in made:
        monkeypatch.setenv(NAME, one)
        assert read_mapping.read({**LEAST, "secret_env": NAME}).secrets == (one,)
