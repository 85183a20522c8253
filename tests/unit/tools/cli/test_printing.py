"""What commands print of others is one line of printable characters, and nothing is printed in another way."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.groups import ROOT
from tests.servers.origin import Answer, origin_server
from tests.unit.tools.cli.conftest import Config
from xaccel.commands.printing import error_text, escape, escape_word, print_data, print_line
from xaccel.errors import ConfigError, ConfigErrors, NginxError
from xaccel.tools.cli import main

EVIL = "\x1b[31m\r\u202e\x9b\u2028\x85\x0b\u200b\udcff"
"""Colours, and characters that begin a line, turn text around, are not visible or cannot be encoded."""
DATA = {
    "checkpoint": "a signed note",
    "config": "the NGINX configuration",
    "doctor": "JSON, and the pages of the checks",
    "export": "CSV and JSON Lines",
    "lint": "JSON, and the pages of the checks",
    "fill_portal": "JSON for the demo",
    "serve": "the NGINX configuration",
    "trace": "JSON",
}
"""Modules that print for a file or for another program, by name."""


def test_a_line_has_printable_characters_only(capsys: pytest.CaptureFixture[str]) -> None:
    for char in EVIL:
        print_line(f"a{char}b\nforged: line")
        printed = capsys.readouterr().out
        assert (printed[:1], printed[-1:], printed[:-1].isprintable()) == ("a", "\n", True)
    assert escape("C:\\new\\x") == "C:\\new\\x"


@pytest.mark.parametrize("text", ["a b", "a%20b", "a\nb", "a\\nb", "ü/%/\u202e", "\udcff", ""])
def test_a_word_is_printable_and_names_one_text(text: str) -> None:
    word = escape_word(text)
    assert " " not in word
    assert word.isprintable()
    assert unquote(word, errors="surrogatepass") == text
    assert escape_word("uploads/größe+1.txt") == "uploads/größe+1.txt"


def test_lines_of_nginx_are_indented_and_no_problem_begins_a_line_of_its_own() -> None:
    refused = NginxError("nginx refused it:\nemerg\x1b[31m\nxaccel: forged", where="x", remedy="Look.")
    assert error_text(refused) == "x: nginx refused it:\n  emerg\\x1b[31m\n  xaccel: forged. Look."
    problems = [ConfigError(f"{name} is wrong\nforged", where="A", remedy="Set it.") for name in "ab"]
    assert error_text(ConfigErrors(problems)).split("\n") == [
        "2 problem(s) in the configuration:",
        "  A: a is wrong",
        "    forged. Set it.",
        "  A: b is wrong",
        "    forged. Set it.",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "shown"), [(io.StringIO(), "a\x1b\u202e\n\tb"), (_Terminal(), "a\\x1b\\u202e\n\tb")]
)
def test_data_is_escaped_for_a_terminal_only(
    stream: io.StringIO, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", stream)
    print_data(["a\x1b\u202e", "\n\tb"])
    assert stream.getvalue() == shown


def is_shown(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed on both streams, which has no character that controls a terminal."""
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()
    return out + err


SITE = """
secret = "0123456789abcdef0123456789abcdef"
allow_without_njs = true
[origins.web]
type = "http"
base_url = "http://192.0.2.1/"
[grants]
app = "127.0.0.1:8000"
paths = ["/files/"]
cookie = "sid"
max_grant = 1
"""


def test_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["secret", EVIL])
    assert "unrecognized arguments: \\x1b[31m\\r" in is_shown(capsys)


def test_a_name_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / f"{EVIL}.toml"
    site.write_text("[origins")
    assert main(["config", str(site)]) == 1
    assert "\\u202e" in is_shown(capsys)


def test_a_changed_file_of_the_configuration(tmp_path: Path, config: Config) -> None:
    out, site = tmp_path / "out", SITE.partition("[grants]")[0]
    assert config(site, "--write", str(out))[0] == 0
    with (out / "site" / "server.conf").open("a") as file:
        file.write("# \x1b[31m\u202e\n")
    status, printed, _ = config(site, "--check", str(out))
    assert status == 1
    assert "\\x1b[31m" in printed
    assert printed.replace("\n", "").isprintable()


def test_the_words_of_nginx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nginx = tmp_path / "nginx"
    nginx.write_text(
        "#!/bin/sh\n"
        '[ "$1" = -V ] && { echo "nginx version: nginx/1.26.3" >&2; exit 0; }\n'
        "printf 'nginx: [emerg] unknown directive \"\\033[31m\\342\\200\\256\"\\n' >&2; exit 1\n"
    )
    nginx.chmod(0o755)
    (tmp_path / "site.toml").write_text(SITE.partition("[grants]")[0])
    assert main(["config", str(tmp_path / "site.toml"), "--nginx", str(nginx)]) == 0
    assert 'unknown directive "\\x1b[31m\\u202e"' in is_shown(capsys)


def test_the_response_of_another_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = "\x1b[31m\u202e no HTTP\r\n\r\n".encode()
    with origin_server(lambda _: Answer(raw=raw)) as server:
        (tmp_path / "site.toml").write_text(f'{SITE}nginx = ["{server.url}"]\n')
        assert main(["revoke", str(tmp_path / "site.toml"), "--tag", "film"]) == 1
    assert "\\x1b[31m" in is_shown(capsys)


def sources() -> Iterator[Path]:
    for folder in ("src/xaccel", "portal", "testing/xaccel_testing"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def bypasses(source: str, module: str) -> list[str]:
    """Return the expressions that print text, or end a program with text, past `xaccel.commands.printing`."""
    nodes = list(ast.walk(ast.parse(source)))
    found = [f"{node.lineno}: print" for node in nodes if isinstance(node, ast.Name) and node.id == "print"]
    return found + [
        f"{node.lineno}: {ast.unparse(node.func)}"
        for node in nodes
        if isinstance(node, ast.Call) and is_bypass(node, module)
    ]


def is_bypass(call: ast.Call, module: str) -> bool:
    called = ast.unparse(call.func)
    first = call.args[0] if call.args else None
    is_escaped = isinstance(first, ast.Call) and ast.unparse(first.func) in ("escape", "error_text")
    is_text = isinstance(first, ast.JoinedStr) or (
        isinstance(first, ast.Constant) and isinstance(first.value, str)
    )
    to_stream = "stdout" in called or "stderr" in called
    known = {
        "write": to_stream,
        "writelines": to_stream,
        "print_exc": True,
        "print_exception": True,
        "pprint": True,
        "ArgumentParser": True,
        "CommandError": not is_escaped and not isinstance(first, ast.Constant),
        "exit": is_text,
        "SystemExit": is_text,
        "print_data": module not in DATA,
        "redirect_stdout": False,  # to Django's wrapper of the same stream
    }
    gets_stream = bool({ast.unparse(argument) for argument in call.args} & STREAMS)
    return known.get(called.rpartition(".")[2], gets_stream)


STREAMS = {f"{owner}.{name}" for owner in ("sys", "self") for name in ("stdout", "stderr")}


def test_nothing_is_printed_in_another_way() -> None:
    bypassed = [
        f"{path.relative_to(ROOT)}:{bypass}"
        for path in sources()
        if path.stem != "printing"
        for bypass in bypasses(path.read_text(encoding="utf-8"), path.stem)
    ]
    assert bypassed == []


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "say = print",
        "sys.stdout.write(x)",
        "self.stdout.write(x)",
        "sys.stderr.buffer.write(x)",
        "json.dump(x, sys.stdout)",
        "CommandError(str(error))",
        "CommandError(f'{x}')",
        "sys.exit(f'{x}')",
        "raise SystemExit('x')",
        "traceback.print_exc()",
        "argparse.ArgumentParser()",
        "print_data([x])",
    ],
)
def test_each_way_past_it_is_noticed(source: str) -> None:
    assert bypasses(source, "module") != []


@pytest.mark.parametrize(
    "source",
    ["print_line(x, to=self.stdout)", "CommandError(error_text(e))", "CommandError('x')", "sys.exit(2)"],
)
def test_a_right_way_is_not_reported(source: str) -> None:
    assert bypasses(source, "module") == []
