"""What goes beside the artifacts: the SBOM of all extras, and a statement of how they were built."""

from __future__ import annotations

import json
import os
import platform
import re
import tomllib
from pathlib import Path
from typing import Any

from release.artifacts import ROOT, ReleaseRefused, Source, digest, run

PINS = ROOT / "requirements" / "test.txt"
OWN = ("xaccel", "xaccel-testing", "xaccel-portal")
"""Distributions of this repository: extras of the first need the others, and these need the first."""


def write_requirements(source: Source, wheels: Path, folder: Path) -> Path:
    """Write the pinned packages, with hashes, that the wheel and its extras install, except those built in `wheels`."""
    project = tomllib.loads(run("git", "show", f"{source.commit}:pyproject.toml"))["project"]
    path = folder / "requirements.txt"
    run(
        *(os.environ["XACCEL_UV"], "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
        *(
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-header",
            "--no-annotate",
            "--python-version",
            "3.11",
        ),
        *("--find-links", str(wheels), *(f"--no-emit-package={name}" for name in OWN)),
        *("--constraints", str(PINS), *(f"--extra={extra}" for extra in project["optional-dependencies"])),
        *("--output-file", str(path), "pyproject.toml"),
    )
    return path


def write_sbom(source: Source, requirements: Path, folder: Path) -> Path:
    """Write a CycloneDX 1.6 document of xaccel and the packages of all extras."""
    path = folder / f"xaccel-{source.version}.cdx.json"
    run(
        *("cyclonedx-py", "requirements", "--output-reproducible", "--spec-version", "1.6", "--of", "JSON"),
        *("--pyproject", "pyproject.toml", "--output-file", str(path), str(requirements)),
    )
    return path


def write_provenance(source: Source, subjects: list[Path], folder: Path) -> Path:
    """Write an unsigned in-toto statement (https://in-toto.io/Statement/v1) with a SLSA provenance 1.0 predicate.

    A publisher's CI signs it. What is not known on this machine, such as who runs the build, is not in it.
    """
    path = folder / f"xaccel-{source.version}.provenance.json"
    build_pins = ROOT / "requirements" / "build.txt"
    versions = dict(re.findall(r"^([a-z_-]+)==(\S+)", build_pins.read_text(encoding="utf-8"), re.MULTILINE))
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": subject.name, "digest": {"sha256": digest(subject)}} for subject in subjects],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{source.repository}/blob/{source.commit}/scripts/release",
                "externalParameters": {"repository": source.repository, "commit": source.commit},
                "internalParameters": {"SOURCE_DATE_EPOCH": source.timestamp, **versions},
                "resolvedDependencies": [
                    {"uri": f"git+{source.repository}", "digest": {"gitCommit": source.commit}},
                    {"name": "requirements/build.txt", "digest": {"sha256": digest(build_pins)}},
                ],
            },
            "runDetails": {
                "builder": {
                    "id": f"{source.repository}/blob/{source.commit}/scripts/release",
                    "version": {
                        "python": platform.python_version(),
                        "uv": run(os.environ["XACCEL_UV"], "--version").split()[1],
                    },
                }
            },
        },
    }
    path.write_text(json.dumps(statement, indent=2) + "\n", encoding="utf-8")
    return path


def check_provenance(paths: list[Path]) -> int:
    """Raise ReleaseRefused unless the statement, the last path, has the digest of each other. Return their number."""
    *files, statement = paths
    subjects = json.loads(statement.read_text(encoding="utf-8"))["subject"]
    stated = {subject["name"]: subject["digest"]["sha256"] for subject in subjects}
    found = {path.name: digest(path) for path in files}
    wrong = sorted(name for name in {*stated, *found} if stated.get(name) != found.get(name))
    if wrong:
        raise ReleaseRefused(f"{statement.name} does not have the digest of {', '.join(wrong)}.")
    return len(found)
