"""Commands from their table, on one parser, and the headers of --header."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from xaccel.commands.command import add_commands, headers_of, make_command
from xaccel.errors import OptionRefused

SECRET = make_command("secret", run=lambda arguments, site: None)


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    """Has one command, and one behind a second word."""
    parser = argparse.ArgumentParser()
    commands = {"secret": f"{__name__}:SECRET", "crc": {"fill": f"{__name__}:SECRET"}}
    add_commands(parser, commands, file=True)
    return parser


@pytest.mark.parametrize("words", [["secret"], ["crc", "fill"]])
def test_a_command_is_found_behind_its_words(words: list[str], parser: argparse.ArgumentParser) -> None:
    arguments = parser.parse_args([*words, "site.toml"])
    assert arguments.xaccel_command is SECRET
    assert arguments.file == "site.toml"


def test_a_command_that_is_not_in_the_table_is_no_command() -> None:
    with pytest.raises(KeyError, match="unknown"):
        make_command("unknown")


def test_headers_are_read_from_the_line_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("Cookie: sessionid=a:b\n\nHost:acme.example\n")
    headers = headers_of(["Accept: */*", f"@{tmp_path / 'headers'}"])
    assert headers == {"Accept": "*/*", "Cookie": "sessionid=a:b", "Host": "acme.example"}


@pytest.mark.parametrize("text", ["sessionid=1", "A B: c", ": c"])
def test_another_text_is_no_header(text: str) -> None:
    with pytest.raises(OptionRefused, match="--header"):
        headers_of([text])
