"""`scripts/release`: what makes it refuse. `.ci/run` runs it whole."""

from __future__ import annotations

import json
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from release.artifacts import (
    ReleaseRefused,
    Source,
    absolute_links,
    check_contents,
    compare,
    digest,
    project_urls,
    run,
)
from release.statements import check_provenance
from tests.runs import ROOT

SOURCE = Source("HEAD", "0.1.0", "https://git.example/x", "0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md#b)", "[a](https://git.example/x/blob/HEAD/docs/a.md#b)"),
        ('<img src="docs/a.svg">', '<img src="https://git.example/x/raw/HEAD/docs/a.svg">'),
        ("[a](https://a.example/b) [c](#d)", "[a](https://a.example/b) [c](#d)"),
    ],
)
def test_relative_links_lead_to_the_repository(text: str, expected: str) -> None:
    assert absolute_links(text, SOURCE) == expected


def test_builds_that_differ_in_a_byte_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / name / "xaccel.whl" for name in ("one", "two")]
    for path, content in zip(paths, (b"a", b"b"), strict=True):
        path.parent.mkdir()
        path.write_bytes(content)
    with pytest.raises(ReleaseRefused, match=r"differ: xaccel\.whl"):
        compare(paths[:1], paths[1:])


def wheel_of(path: Path, files: list[str], metadata: str, *more: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*files, *(f"{path.stem}.dist-info/{each}" for each in more)):
            archive.writestr(name, "")
        archive.writestr(f"{path.stem}.dist-info/METADATA", metadata)
    return path


def test_artifacts_with_another_file_or_without_one_are_refused(tmp_path: Path) -> None:
    tracked = [name.removeprefix("src/") for name in run("git", "ls-files", "src/xaccel").splitlines()]
    of_portal = [f"xaccel_portal/{name}" for name in run("git", "ls-files", "portal").splitlines()]
    sdist = tmp_path / "xaccel.tar.gz"
    with tarfile.open(sdist, "w:gz"):
        pass
    urls = "".join(f"Project-URL: {name}, {url}\n" for name, url in [*project_urls(SOURCE).items()][:3])
    wheel = wheel_of(tmp_path / "xaccel.whl", [*tracked[1:], "portal/settings.py"], f"{urls}\n[a](docs/a.md)")
    portal = wheel_of(tmp_path / "portal.whl", of_portal[1:], "", "licenses/LICENSE")
    with pytest.raises(ReleaseRefused) as caught:
        check_contents([sdist, wheel, portal], SOURCE)
    problems = str(caught.value).removesuffix(".").split("; ")
    assert [problem for problem in problems if not problem.startswith("the sdist")] == [
        f"xaccel.whl lacks {tracked[0]}",
        "xaccel.whl has portal/settings.py, which is not in the commit",
        "xaccel.whl has no licence",
        "the description of xaccel.whl links to docs/a.md, which the package index does not have",
        "the wheel has no link Security to https://git.example/x/blob/HEAD/SECURITY.md",
        f"portal.whl lacks {of_portal[0]}",
    ]
    assert "the sdist lacks LICENSE" in problems


def test_a_provenance_statement_of_other_files_is_refused(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("xaccel.whl", "xaccel.tar.gz")]
    for path in files:
        path.write_text(path.name)
    statement = {"subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in files]}
    written = tmp_path / "provenance.json"
    written.write_text(json.dumps(statement))
    assert check_provenance([*files, written]) == 2
    files[0].write_text("another build")
    with pytest.raises(ReleaseRefused, match=r"the digest of xaccel\.tar\.gz, xaccel\.whl"):
        check_provenance([files[0], written])


def test_the_upgrade_page_and_the_classifiers_have_the_versions_that_are_tested() -> None:
    page = (ROOT / "docs/operate/upgrade.md").read_text(encoding="utf-8")
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    pythons = re.findall(r'"(3\.\d+)"', sessions.partition("PYTHONS = ")[2].splitlines()[0])
    django = re.findall(r'\("(\d\.\d)", (?:PYTHONS|DJANGO_6)\)', sessions)
    assert f"| Python | {', '.join(pythons)} |" in page
    assert f"| Django | {', '.join(django[:-1])} and {django[-1]} " in page
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classifiers = [each.rpartition(" :: ") for each in project["classifiers"]]
    for name, versions in (("Programming Language :: Python", pythons), ("Framework :: Django", django)):
        assert [version for before, _, version in classifiers if before == name] == versions
