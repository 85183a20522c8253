"""The reader of `xaccel lint` reads what the library ngxparse reads, and what that reads wrongly.

The library is in the environment of `scripts/check gixy`, with its version pinned by hash.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from xaccel.tools.lint.reading import Files, lines_of_file
from xaccel.tools.lint.tree import Line

ROOT = Path(__file__).parents[2]
PUBLIC = sorted(path for path in Path(__file__).with_name("public").iterdir() if path.suffix != ".toml")
WRONG = {
    "case-i.conf.erb": '<%= ENV["PORT"] %>',
    "braces.conf": "{{ url }}",
}
"""Files that the library reads wrongly, and the text of the one argument that it takes for something else."""
BRACES = "location /x/ { internal; proxy_pass {{ url }}; proxy_buffering off; }"
_PROGRAM = """
. scripts/env.sh
xaccel_environment gixy-ng >&2 || exit 1
exec "$XACCEL_PYTHON" -c '
import crossplane, json, sys
def tree(block):
    return [[[one["directive"], *one["args"]], tree(one.get("block", []))] for one in block]
files = (crossplane.parse(name, single=True, check_ctx=False, check_args=False) for name in sys.argv[1:])
print(json.dumps([[one["status"], tree(one["config"][0]["parsed"])] for one in files]))
' "$@"
"""


def tree(lines: tuple[Line, ...]) -> list[Any]:
    found = []
    for line in lines:
        words = list(line.words)
        if words[0] == "if":  # the library removes the parentheses
            words = [words[0], *" ".join(words[1:]).removeprefix("(").removesuffix(")").split()]
        found.append([words, tree(line.inside)])
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[str, list[Any]]]:
    """By file: the status and the tree of the library."""
    braces = tmp_path_factory.mktemp("library") / "braces.conf"
    braces.write_text(BRACES)
    files = [*PUBLIC, braces]
    command = ["bash", "-c", _PROGRAM, "bash", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(files, map(tuple, json.loads(done.stdout)), strict=True))


def test_both_read_the_same_tree_except_of_templates(library: dict[Path, tuple[str, list[Any]]]) -> None:
    for path, (status, found) in library.items():
        alone = {str(path): path.read_text()}  # no include is followed
        ours = tree(lines_of_file(str(path), Files(path.parent, alone)))
        found = without_includes(found)
        assert status == "ok", path.name
        assert (found == ours) == (path.name not in WRONG), path.name
        if path.name in WRONG:
            assert WRONG[path.name] in str(ours)
            assert WRONG[path.name] not in str(found)


def without_includes(found: list[Any]) -> list[Any]:
    return [[words, without_includes(inside)] for words, inside in found if words[0] != "include"]
