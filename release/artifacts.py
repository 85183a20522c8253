"""The sdist and the wheels of all distributions: built from a copy of the commit, twice, and compared byte for byte."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
ARTIFACTS = (("xaccel", ".tar.gz"), ("xaccel", ".whl"), ("xaccel_testing", ".whl"), ("xaccel_portal", ".whl"))
"""Name and suffix of each file that is built."""
_LINK = re.compile(r'(\]\(|src="|href=")(?![a-z]+:|#|/)([^)"]+)')


class ReleaseRefused(Exception):
    """What keeps the release from being made, as one sentence."""


@dataclass(frozen=True, slots=True)
class Source:
    """The commit that is released. `repository` is the address of its web pages, without a final slash."""

    commit: str
    version: str
    repository: str
    timestamp: str
    """Seconds since 1970, as digits: the time of the commit is the time of every file (SOURCE_DATE_EPOCH)."""


def run(*command: str, cwd: Path = ROOT, **variables: str) -> str:
    """Return what a program prints. Raises ReleaseRefused with its output if it fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseRefused(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def repository() -> str:
    """Return the address of the repository's web pages; "" until pyproject.toml has one."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["xaccel"]
    return str(table["repository"])


def read_source(repository: str) -> Source:
    """Return what the last commit of this checkout is."""
    project = tomllib.loads(run("git", "show", "HEAD:pyproject.toml"))["project"]
    commit, timestamp = run("git", "log", "-1", "--format=%H %ct").split()
    return Source(commit, project["version"], repository.rstrip("/"), timestamp)


def absolute_links(text: str, source: Source) -> str:
    """Return Markdown whose relative links lead to the commit's files: the package index shows no others."""

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link[1] == 'src="' else "blob"
        return f"{link[1]}{source.repository}/{kind}/{source.commit}/{link[2]}"

    return _LINK.sub(absolute, text)


def project_urls(source: Source) -> dict[str, str]:
    """Return the links that the package index shows beside the description."""
    files = f"{source.repository}/blob/{source.commit}"
    return {
        "Source": source.repository,
        "Documentation": f"{files}/docs/index.md",
        "Changelog": f"{files}/CHANGELOG.md",
        "Security": f"{files}/SECURITY.md",
    }


def build(source: Source, folder: Path) -> list[Path]:
    """Build the sdist, the wheel from the sdist, and the other wheels, in a new folder. Return them as in ARTIFACTS."""
    tree, dist = folder / "tree", folder / "dist"
    tree.mkdir(parents=True)
    (folder / "tree.tar").write_bytes(
        subprocess.run(["git", "archive", source.commit], cwd=ROOT, capture_output=True, check=True).stdout
    )
    run("tar", "--extract", "--file", str(folder / "tree.tar"), "--directory", str(tree))
    readme, project = tree / "README.md", tree / "pyproject.toml"
    readme.write_text(absolute_links(readme.read_text(encoding="utf-8"), source), encoding="utf-8")
    table = "[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in project_urls(source).items())
    before, scripts, after = project.read_text(encoding="utf-8").partition("[project.scripts]")
    project.write_text(f"{before}{table}\n{scripts}{after}", encoding="utf-8")
    portal = folder / "portal"
    shutil.copytree(tree / "packaging" / "portal", portal)
    shutil.copy(tree / "LICENSE", portal)
    shutil.copytree(tree / "portal", portal / "xaccel_portal" / "portal")
    for place, kind in ((tree, ()), (tree / "testing", ("--wheel",)), (portal, ("--wheel",))):
        run(
            *(os.environ["XACCEL_UV"], "build", "--quiet", "--no-index", "--no-build-isolation", *kind),
            *("--python", sys.executable, "--out-dir", str(dist), str(place)),
            SOURCE_DATE_EPOCH=source.timestamp,
        )
    return [next(dist.glob(f"{name}-{source.version}*{suffix}")) for name, suffix in ARTIFACTS]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare(first: list[Path], second: list[Path]) -> None:
    """Raise ReleaseRefused unless two builds have the same files with the same bytes."""
    one, two = ({path.name: digest(path) for path in paths} for paths in (first, second))
    if one != two:
        names = sorted(name for name in {*one, *two} if one.get(name) != two.get(name))
        raise ReleaseRefused(
            f"Two builds of one commit differ: {', '.join(names)}. Compare them with diffoscope."
        )


def check_contents(paths: list[Path], source: Source) -> None:
    """Raise ReleaseRefused unless the wheels have the files of the commit and no others, and the sdist can make one.

    The paths are in the order of ARTIFACTS.
    """
    sdist, wheel, testing, portal = paths
    tracked, of_testing, of_portal = (
        run("git", "ls-tree", "-r", "--name-only", source.commit, folder).splitlines()
        for folder in ("src/xaccel", "testing/xaccel_testing", "portal")
    )
    problems, metadata = _wheel_problems(wheel, {name.removeprefix("src/") for name in tracked})
    lines = metadata.splitlines()
    problems += [
        f"the wheel has no link {name} to {url}"
        for name, url in project_urls(source).items()
        if f"Project-URL: {name}, {url}" not in lines
    ]
    problems += _wheel_problems(testing, {name.removeprefix("testing/") for name in of_testing})[0]
    problems += _wheel_problems(portal, {f"xaccel_portal/{name}" for name in of_portal})[0]
    with tarfile.open(sdist) as archive:
        in_sdist = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    needed = {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO", *tracked}
    problems += [f"the sdist lacks {name}" for name in sorted(needed - in_sdist)]
    if problems:
        raise ReleaseRefused("; ".join(problems) + ".")


def _wheel_problems(path: Path, wanted: set[str]) -> tuple[list[str], str]:
    """Return what is wrong with the files and the description of a wheel, and its METADATA."""
    with zipfile.ZipFile(path) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        [described] = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(described).decode()
    found = {name for name in names if ".dist-info/" not in name}
    problems = [f"{path.name} lacks {name}" for name in sorted(wanted - found)]
    problems += [f"{path.name} has {name}, which is not in the commit" for name in sorted(found - wanted)]
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        problems.append(f"{path.name} has no licence")
    problems += [
        f"the description of {path.name} links to {link[2]}, which the package index does not have"
        for link in _LINK.finditer(metadata)
    ]
    return problems, metadata
