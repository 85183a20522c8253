"""Check the images: size, user, what is in their layers, and an SBOM of each."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.deployment.containers import IMAGES, ROOT, Failed, run, say

_MEGABYTES = {"nginx": 230, "portal": 290, "s3": 320, "postgres": 530}
"""Upper bounds, with Debian's 128 in each."""
_COMPONENTS = {
    "nginx": {"nginx", "xaccel"},
    "portal": {"django", "xaccel"},
    "s3": set(),
    "postgres": {"postgresql-17"},
}
_PUBLIC = {"deb.debian.org", "security.debian.org"}
"""In the sources of Debian's own image."""
_URL = re.compile(r"[a-z+]+://[^\s'\"\])>,]+")
_SECRETIVE = re.compile(r"(^|/)(\.netrc|\.pypirc|pip\.conf|auth\.conf(\.d/.+)?|\.env|id_[a-z0-9]+|.*\.key)$")


def check(folder: Path) -> None:
    """Raise Failed for an image that is too large, runs as root, lacks parts, or names a registry of this machine."""
    words = registry_words()
    (ROOT / "dist").mkdir(exist_ok=True)
    for name in IMAGES:
        image = f"localhost/xaccel-{name}"
        described = json.loads(run("podman", "image", "inspect", image))[0]
        megabytes = described["Size"] // 1_000_000
        if megabytes > _MEGABYTES[name]:
            raise Failed(f"{image} has {megabytes} MB, and at most {_MEGABYTES[name]} are allowed")
        if described["User"].partition(":")[0] in {"", "0", "root"}:
            raise Failed(f"{image} runs as root")
        archive = folder / f"{name}.tar"
        run("podman", "save", "--quiet", "--output", str(archive), image)
        for leak in leaks(archive, words):
            raise Failed(f"{image}: {leak}")
        components = sbom(archive, ROOT / "dist" / f"xaccel-{name}.cdx.json")
        archive.unlink()
        if missing := _COMPONENTS[name] - components:
            raise Failed(f"the SBOM of {image} lacks {', '.join(sorted(missing))}")
        say(
            "image",
            f"{image}: {megabytes} MB, {len(components)} packages, no registry and no credential in a layer",
        )


def sbom(archive: Path, path: Path) -> set[str]:
    """Write a CycloneDX document of an image, and return the names of its components."""
    run(
        *("syft", "scan", "--quiet", f"docker-archive:{archive}", "--output", f"cyclonedx-json={path}"),
        variables={"SYFT_CHECK_FOR_APP_UPDATE": "false"},
    )
    return {component["name"] for component in json.loads(path.read_text(encoding="utf-8"))["components"]}


def registry_words() -> list[bytes]:
    """Return the hosts of this machine's package registries, except Debian's, with users and passwords."""
    configured = [run("python3", "-m", "pip", "config", "list", check=False)]
    configured += [
        value
        for key, value in os.environ.items()
        if "proxy" in key.lower() or key.startswith(("PIP_", "UV_"))
    ]
    for file in Path("/etc/apt").rglob("*"):
        if file.is_file() and file.suffix in {".list", ".sources", ".conf", ""}:
            configured.append(file.read_text(encoding="utf-8", errors="replace"))
    words: set[str] = set()
    lines = [line for line in "\n".join(configured).splitlines() if not line.lstrip().startswith(("#", "//"))]
    for url in map(urlsplit, _URL.findall("\n".join(lines))):
        words |= {word for word in (url.hostname, url.username, url.password) if word and len(word) > 5}
    return sorted(word.encode() for word in words - _PUBLIC)


def leaks(archive: Path, words: list[bytes]) -> Iterator[str]:
    """Yield what an image says about the machine that built it."""
    for path, content in _files(archive):
        if _SECRETIVE.search(path):
            yield f"{path} is a file for credentials"
        if any(word in content for word in words):
            yield f"{path} names a registry or a credential of this machine"


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of all layers, and the image's own description."""
    with tarfile.open(archive) as image:
        for member in image:
            if not member.isfile() or (opened := image.extractfile(member)) is None:
                continue
            content = opened.read()
            if not member.name.endswith(".tar"):
                yield member.name, content
                continue
            with tarfile.open(fileobj=io.BytesIO(content)) as layer:
                for file in layer:
                    if file.isfile() and (inner := layer.extractfile(file)) is not None:
                        yield file.name, inner.read()
