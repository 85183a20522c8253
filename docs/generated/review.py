"""The page "Review what you include": a site that `xaccel config` generates, and ten questions with lines and tests."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tempfile
import tomllib
from functools import cache
from pathlib import Path

from docs.generated import engine
from xaccel.site.rules import PLACEHOLDER
from xaccel.tools import cli
from xaccel.tools.nginx.engine_files import FOLDER as ENGINE

QUESTIONS = Path(__file__).with_name("review.toml")
PAGE = Path(__file__).resolve().parents[1] / "operate" / "review.md"
FOLDER = "/etc/nginx/xaccel/"
_EXAMPLE = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHOWN = "<the secret>"
_PATH = "<made-from-the-secret>"

_MEANINGS = {
    r"location = /_xaccel/<made-from-the-secret> .*": "for `xaccel doctor`. The text has a digest of the settings, "
    "the engine's version (2), NGINX's version and process, and the client's address. "
    "The path is made from the secret and does not reveal it.",
    r"location \^~ /_xaccel/ { return 404; }": "an origin that is not in this file is 404, and the "
    "app is not asked for it",
    r"location = /_xaccel/documents": "where the app's `X-Accel-Redirect` leads for the origin `documents`",
    r"location @xaccel_fetch": "fetches from the storage and sends to the user",
    r"location @xaccel_401": "handles a 401 of the storage before the error page",
    r"location @xaccel_page": "the error page, which the user gets instead of the file",
    r"set \$xaccel_place .* origin=.*": "whether the hand-off has the secret (`$xaccel_trust`). Then the origin: its "
    "name, the location that sends (`sender`), **the only host that NGINX fetches from for this origin** (`home`) "
    "and its upstream (`peer`).",
    r"location @xaccel_accept": "accepts or refuses each hand-off of the site",
    r"set \$xaccel_place \"\$xaccel_trust \$xaccel_place\"": "checks the secret again. A backend could jump here "
    "directly: then the settings of an origin are missing, and its client gets 404",
    r"proxy_ssl_trusted_certificate .*": "the authorities that may sign the storage's certificate",
    r"include site/log\.conf": "the log, and `off.conf`: modules of this NGINX that must not change a download",
}
"""By a regular expression for a line without the folder, ";" and " {"."""


@cache
def files() -> dict[str, str]:
    """Generate the files of the site on the page, by path below the folder, with the command on the page."""
    page = PAGE.read_text(encoding="utf-8")
    toml = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    (command,) = re.findall(r"^python -m xaccel config site\.toml --nginx-version (?:.*\\\n)*.*", page, re.M)
    words = shlex.split(command.replace("\\\n", ""))
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site.toml")
        site.write_text(toml.replace(PLACEHOLDER, _EXAMPLE), encoding="utf-8")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            status = cli.main(["config", str(site), *words[5:]])
    assert status == 0, command
    return split(without_secret(printed.getvalue(), _EXAMPLE))


def without_secret(printed: str, secret: str) -> str:
    """Replace the secret, and the path that is made from it."""
    return re.sub(r"/[0-9a-f]{32}(?= \{ return)", f"/{_PATH}", printed.replace(secret, _SHOWN))


def split(printed: str) -> dict[str, str]:
    """Split what `xaccel config` prints into files, by path below the folder."""
    sections = re.split(rf"^# ---- {FOLDER}(\S+)\n", printed, flags=re.MULTILINE)
    return {name: text.rstrip("\n") + "\n" for name, text in zip(sections[1::2], sections[2::2], strict=True)}


def at(name: str, text: str) -> str:
    """Return where a file of the engine has a text, for the questions: `locations/send.conf:15`.

    Raises AssertionError unless exactly one line has it.
    """
    lines = (ENGINE / name).read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, start=1) if text in line]
    return f"`{name}:{number}`"


def questions() -> str:
    """Return the ten questions with replies, lines of the engine, and tests."""
    rows = tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))["question"]
    parts = []
    for number, row in enumerate(rows, start=1):
        lines = ", ".join(at(*each) for each in row["lines"])
        tests = ", ".join(f"`tests/{each}`" for each in row["tests"])
        parts.append(
            f"### {number}. {row['asked']}\n\n{row['reply'].strip()}\n\nEngine: {lines}\\\nTests: {tests}\n"
        )
    return "\n" + "\n".join(parts) + "\n"


def sizes() -> str:
    """Return the table of how much there is to read."""
    texts = [path.read_text(encoding="utf-8") for path in ENGINE.rglob("*.*")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    code = sum(bool(line) and not line.startswith(("#", "//")) for line in lines)
    site = sum(len(text.splitlines()) for name, text in files().items() if name.startswith("site/"))
    read = "once for each version of xaccel: an hour ([file by file](../background/engine.md)); or only its checksums"
    rows = [
        ("Part", "Size", "Read it"),
        ("---", "---", "---"),
        ("the engine, `engine/`", f"{code:,} lines of code and {len(lines) - code:,} other lines", read),
        (
            "the site, `site/`",
            f"{site} lines for the bucket on this page",
            "after each change of the settings: five minutes",
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def file(name: str, *, explained: bool = False) -> str:
    """Return one file as a block, and the table of its lines if it is to be explained."""
    text = files()[name]
    rows = f"{table(text)}\n" if explained else ""
    return f"\n```nginx\n# {FOLDER}{name}\n{text}```\n\n{rows}"


def table(text: str) -> str:
    """Return the table of the lines of a file. A line that occurs again has no second row."""
    rows = ["| Line | Meaning |", "|---|---|"]
    for line in dict.fromkeys(map(short, text.splitlines())):
        if line:
            spelled = line.replace("|", "\\|")
            rows.append(f"| `{spelled}` | {meaning(line)} |")
    return "\n".join(rows) + "\n"


def short(line: str) -> str:
    """Return a directive without its folder, ";" and " {"; nothing for comments and closing braces."""
    line = line.strip().replace(FOLDER, "").rstrip(";{ ")
    return "" if line.startswith(("#", "}")) else line


def meaning(line: str) -> str:
    """Return what a line does; for a file of the engine, its own first sentence.

    Raises AssertionError for a line that has no meaning here.
    """
    found = [text for pattern, text in _MEANINGS.items() if re.fullmatch(pattern, line)]
    if not found and (match := re.fullmatch(r"include engine/(\S+)", line)):
        return engine.purpose(match[1])
    assert len(found) == 1, f"{len(found)} meanings in docs/generated/review.py for this line: {line}"
    return found[0]
