"""`python -m release`: build, compare, check, describe. Each step prints one line."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release import artifacts, statements
from release.artifacts import ROOT, ReleaseRefused, Source, digest, run

STANDS_FOR = "https://example.org/xaccel"
"""In a dry run without --repository, in place of the address of the repository."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/release", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="build the last commit, tagged or not")
    parser.add_argument(
        "--repository",
        metavar="URL",
        default=artifacts.repository(),
        help="the address of the repository's web pages (default: that of pyproject.toml)",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR", help="default: dist")
    args = parser.parse_args()
    if not args.repository and not args.dry_run:
        parser.error(
            "a release needs `repository` of [tool.xaccel] in pyproject.toml, for the links of its description"
        )
    source = artifacts.read_source(args.repository or STANDS_FOR)
    try:
        if not args.dry_run:
            check_ready(source)
        release(source, args.out)
    except ReleaseRefused as error:
        print(f"scripts/release: {error}", file=sys.stderr)
        return 1
    if not args.repository:
        print(f"no --repository: {STANDS_FOR} stands for it in the links, so do not upload these files")
    return 0


def check_ready(source: Source) -> None:
    """Raise ReleaseRefused unless the commit is clean, tagged with its version, and dated in the changelog."""
    tag = f"v{source.version}"
    if run("git", "status", "--porcelain"):
        raise ReleaseRefused("The checkout has changes. Commit or stash them.")
    if tag not in run("git", "tag", "--points-at", "HEAD").split():
        raise ReleaseRefused(f"The commit has no tag {tag}. Run: git tag --sign {tag}")
    if f"## [{source.version}] - 20" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise ReleaseRefused(f"CHANGELOG.md has no section [{source.version}] with a date.")


def release(source: Source, out: Path) -> None:
    """Make the files of a release in `out`. Raises ReleaseRefused at the first step that fails."""
    with tempfile.TemporaryDirectory(prefix="xaccel-release-") as temporary:
        folder = Path(temporary)
        built = artifacts.build(source, folder / "first")
        artifacts.compare(built, artifacts.build(source, folder / "second" / "elsewhere"))
        say("built", f"twice, equal: {', '.join(path.name for path in built)}")
        artifacts.check_contents(built, source)
        say(
            "contents",
            "the wheels have the files of the commit, the sdist can make one, all links are absolute",
        )
        run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built))
        say("twine", "check --strict passed")
        wheel, testing = (path for path in built[:-1] if path.suffix == ".whl")
        # W002: packages without code have equal __init__.py files. W004: Django's migrations begin with digits.
        run("check-wheel-contents", "--ignore", "W002,W004", str(wheel), str(testing))
        say("wheels", "check-wheel-contents passed")
        say("installed", install(wheel, folder / "environment", source))
        requirements = statements.write_requirements(source, wheel.parent, folder)
        say("advisories", audit(requirements))
        out.mkdir(parents=True, exist_ok=True)
        paths = [Path(shutil.copy(path, out)) for path in built]
        paths.append(statements.write_sbom(source, requirements, out))
        paths.append(statements.write_provenance(source, paths, out))
        say("provenance", f"has the digests of {statements.check_provenance(paths)} files")
        sums = out / "SHA256SUMS"
        sums.write_text("".join(f"{digest(path)}  {path.name}\n" for path in paths), encoding="utf-8")
        for path in (*paths, sums):
            say("wrote", f"{path.name} ({path.stat().st_size:,} bytes)")


def install(wheel: Path, environment: Path, source: Source) -> str:
    """Install the wheel alone, run it, and return its version line."""
    uv = os.environ["XACCEL_UV"]
    run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(environment))
    python = str(environment / "bin" / "python")
    run(uv, "pip", "install", "--quiet", "--no-index", "--python", python, str(wheel))
    printed = run(python, "-I", "-m", "xaccel", "--version", cwd=environment).strip()
    if printed != f"xaccel {source.version}":
        raise ReleaseRefused(f"The installed wheel says {printed!r} in place of version {source.version}.")
    return printed


def audit(requirements: Path) -> str:
    """Return what pip-audit knows of the pinned packages. Raises ReleaseRefused if one has a known vulnerability."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip_audit",
            "--disable-pip",
            "--progress-spinner=off",
            "-r",
            str(requirements),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "could not be audited" in done.stdout or "ConnectionError" in done.stderr:
        return "NOT CHECKED: the package index here has no advisories; pip-audit needs the one at pypi"
    if done.returncode:
        raise ReleaseRefused(f"pip-audit:\n{done.stdout}{done.stderr}")
    return "pip-audit found no known vulnerability"


def say(step: str, what: str) -> None:
    print(f"{step:<12}{what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
