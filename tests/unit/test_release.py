"""`scripts/release`: what makes it refuse. `.ci/run` runs it whole."""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from release.artifacts import ReleaseRefused, Source, absolute_links, check_contents, compare, run
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


def test_a_wheel_with_another_file_or_without_one_is_refused(tmp_path: Path) -> None:
    wheel, sdist = tmp_path / "xaccel.whl", tmp_path / "xaccel.tar.gz"
    tracked = run("git", "ls-files", "src/xaccel").splitlines()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*(each.removeprefix("src/") for each in tracked[1:]), "portal/settings.py"):
            archive.writestr(name, "")
        archive.writestr("xaccel-0.1.0.dist-info/METADATA", "[a](docs/a.md)")
    with tarfile.open(sdist, "w:gz"):
        pass
    with pytest.raises(ReleaseRefused) as caught:
        check_contents([wheel, sdist], SOURCE)
    for part in (
        f"the wheel lacks {tracked[0].removeprefix('src/')}",
        "the wheel has portal/settings.py, which is not in src/xaccel",
        "the wheel has no licence",
        "links to docs/a.md",
        "the sdist lacks LICENSE",
    ):
        assert part in str(caught.value)


def test_the_upgrade_page_names_the_versions_that_are_tested() -> None:
    page = (ROOT / "docs/operate/upgrade.md").read_text(encoding="utf-8")
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    pythons = re.findall(r'"(3\.\d+)"', sessions.partition("PYTHONS = ")[2].splitlines()[0])
    django = re.findall(r'\("(\d\.\d)", (?:PYTHONS|DJANGO_6)\)', sessions)
    assert f"| Python | {', '.join(pythons)} |" in page
    assert f"| Django | {', '.join(django[:-1])} and {django[-1]} " in page
