"""Report sentences that a stranger reads twice, and fail if there are any."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.prose.style import AFTER, BEFORE, built_in, own
from tests.prose.texts import Text, of_file

ROOT = Path(__file__).parents[2]
FILES = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "docs/generated/*.py",
    "docs/generated/*.toml",
    "src/xaccel/*.py",
    "src/xaccel/tools/cli/*.toml",
    "src/xaccel/django/*.toml",
    "src/xaccel/tools/nginx/*.toml",
    "src/xaccel/site/*.toml",
    "testing/*.md",
    "testing/xaccel_testing/*.py",
    "portal/*.py",
    "portal/*.html",
    "examples/*.md",
    "examples/*.py",
    "tests/adapters/README.md",
)
ALLOWED = re.compile(r"prose: ([a-z_.]+): \S+")
"""An exception with its reason, in a comment of the line above or the line itself: `prose: words: RFC 9110 says so`."""
CHECKS = (*own(), *built_in())


def files() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *FILES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(
        path for name in set(listed) if (path := ROOT / name).is_file() and "migrations" not in path.parts
    )


def findings(text: Text) -> Iterator[tuple[int, str, str]]:
    """Return the line, the check and the message of each finding."""
    content = f"\n{text.content}\n"
    for check in CHECKS:
        if check.path not in text.exempt:
            for result in check.check_with_flags(content):
                yield text.line + content.count("\n", 1, max(1, result.span[0])), check.path, result.message


def findings_of_file(path: Path) -> Iterator[tuple[int, str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    for text in of_file(path):
        for line, check, message in findings(text):
            if not is_allowed(lines, text, check):
                yield line, check, message


def is_allowed(lines: list[str], text: Text, name: str) -> bool:
    near = lines[max(0, text.line - 3) : text.line + text.content.count("\n") + 1]
    return any(match[1] == name for line in near if (match := ALLOWED.search(line)))


def main() -> int:
    for example in (*BEFORE, *AFTER):
        if bool([*findings(Text(1, example))]) != (example in BEFORE):
            sys.exit(f"the checks of tests/prose/style.py are wrong about this sentence: {example}")
    failed = 0
    for path in files():
        for line, check, message in findings_of_file(path):
            print(f"{path.relative_to(ROOT)}:{line}: {check}: {message}")
            failed += 1
    print(f"{failed} to rewrite")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
