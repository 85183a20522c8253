"""The settings that `lint --settings` prints, of a configuration that somebody else wrote."""

from __future__ import annotations

import ast

import pytest

from xaccel.tools.lint.configuration import Configuration
from xaccel.tools.lint.location import places
from xaccel.tools.lint.reading import parse
from xaccel.tools.lint.settings import settings_for

CODE = "@b\n    },\n}\n__import__('os').system('id')\nX = {\n    1: {\n#"
HOSTILE = [CODE, "@a\x1b[31m", "@a\u202eb", "@a\u2028b", "@a\x9bb", "@a\rb", "@a\x85b"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_the_name_of_a_location_stays_in_its_comment(name: str) -> None:
    location = f'location "{name}" {{ internal; proxy_pass http://$x; }}'
    text = f"# configuration file /c.conf:\nhttp {{ server {{ {location} }} }}\n"
    printed = "\n".join(settings_for([*places(Configuration(parse(text)))]))
    [statement] = ast.parse(printed).body
    assert isinstance(statement, ast.Assign)
    assert set(filter(lambda char: not char.isprintable(), printed)) == {"\n"}
    assert len(printed.splitlines()) == 6


@pytest.mark.parametrize(
    "host", ['a"}, 1: __import__("os"), "b', "a\x1b[31m.example", "a\u202e\U0001f600.example", "a: true"]
)
def test_a_host_is_a_text_of_the_settings_and_nothing_else(host: str) -> None:
    quoted = host.replace('"', '\\"')
    location = f'location /x {{ internal; proxy_ssl_trusted_certificate "{quoted}"; proxy_pass "https://h{quoted}/"; }}'
    text = f"# configuration file /c.conf:\n{location}\n"
    printed = "\n".join(settings_for([*places(Configuration(parse(text)))]))
    [statement] = ast.parse(printed).body
    assert isinstance(statement, ast.Assign)
    [entry] = ast.literal_eval(statement.value)["ORIGINS"].values()
    assert entry == {"type": "http", "base_url": f"https://h{quoted}/", "ca_file": quoted}
    assert set(filter(lambda char: not char.isprintable(), printed)) == {"\n"}
