"""The pages about the engine and the generated site are complete and true."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.generated import engine, review
from tests import promises
from xaccel.site.rules import PLACEHOLDER
from xaccel.tools.cli import main
from xaccel.tools.nginx import engine_files

ROOT = Path(__file__).resolve().parents[1]
WALK = (ROOT / "docs/background/engine.md").read_text(encoding="utf-8")
REVIEW = (ROOT / "docs/operate/review.md").read_text(encoding="utf-8")
SECRET = "0123456789-of-this-test-abcdefghijklmnopqrstuvwxyz"


def described() -> list[str]:
    """The files that have a heading or a row in the walk through the engine."""
    return re.findall(r"^### `([^`]+)`$|^\| `(off/[^`]+)` \|", WALK, re.MULTILINE)


def test_the_walk_describes_each_file_of_the_engine_once() -> None:
    assert sorted(heading or row for heading, row in described()) == engine.names()


def test_each_promise_names_the_files_that_keep_it() -> None:
    files = {name: promises.files_of(promise) for name, promise in promises.read().items()}
    assert {name: missing for name, (_, missing) in files.items() if missing} == {}
    assert [name for name, (found, _) in files.items() if not found] == []


def test_each_file_of_the_engine_keeps_a_promise() -> None:
    """`front-door` names all files, so it does not count."""
    kept = {
        file
        for name, promise in promises.read().items()
        for file in promises.files_of(promise)[0]
        if name != "front-door"
    }
    assert set(engine.names()) - kept == {f"{engine_files.MARKER}.conf"}


def shown() -> dict[str, str]:
    """The files that the page shows, by path below the folder."""
    blocks = re.findall(rf"^```nginx\n# {review.FOLDER}(\S+)\n(.*?)^```$", REVIEW, re.MULTILINE | re.DOTALL)
    return dict(blocks)


def toml() -> str:
    (found,) = re.findall(r"^```toml\n(.*?)^```$", REVIEW, re.MULTILINE | re.DOTALL)
    return found.replace(PLACEHOLDER, SECRET)


def config(site: Path, *more: str) -> tuple[int, str]:
    """Run the command on the page for a file with its settings, in this process; return its status and output."""
    (found,) = re.findall(
        r"^python -m xaccel config site\.toml (--nginx-version (?:.*\\\n)*.*)", REVIEW, re.M
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            status = main(["config", str(site), *found.replace("\\\n", "").split(), *more])
        except SystemExit as end:
            status = int(end.code or 0)
    return status, printed.getvalue()


def test_the_page_shows_the_site_that_the_command_prints(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(toml())
    status, output = config(site)
    assert status == 0
    assert SECRET in output.replace("\\", "")
    printed = {
        name: review.without_secret(text.replace("\\", ""), SECRET)
        for name, text in review.split(output).items()
    }
    assert len(shown()) == 3
    assert {name: text.replace("\\", "") for name, text in shown().items()} == {
        name: printed[name] for name in shown()
    }


def test_the_page_explains_each_line_of_the_servers_file() -> None:
    rows = set(re.findall(r"^\| `(.+?)` \| .+ \|$", REVIEW, re.MULTILINE))
    lines = {review.short(line) for line in shown()["site/server.conf"].splitlines()} - {""}
    assert len(lines) > 20
    assert lines - rows == set()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder that `config --write` wrote for the settings on the page."""
    site, folder = tmp_path / "site.toml", tmp_path / "xaccel"
    site.write_text(toml())
    assert config(site, "--write", str(folder))[0] == 0
    return folder


def sums(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the manifest as the page says."""
    assert "sha256sum --check --quiet MANIFEST\n" in REVIEW
    return subprocess.run(
        ["sha256sum", "--check", "--quiet", "MANIFEST"],
        cwd=folder / "engine",
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum of GNU coreutils")
def test_the_manifest_is_checked_as_the_page_says(written: Path) -> None:
    done = sums(written)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with (written / "engine/locations/fetch.conf").open("a") as file:
        file.write("proxy_ssl_verify off;\n")
    done = sums(written)
    assert done.returncode == 1
    assert f"```text\n{done.stdout}{done.stderr}```\n" in REVIEW


def test_only_the_files_that_the_page_names_have_the_secret(written: Path) -> None:
    files = [path for name in written.glob("[!.]*") for path in (name, *name.rglob("*")) if path.is_file()]
    bare = SECRET.replace("-", "")
    with_secret = [path for path in files if bare in re.sub(r"[\\-]", "", path.read_text())]
    assert with_secret == [written / "site/secret.conf"]
    assert with_secret[0].stat().st_mode & 0o777 == 0o600


def test_config_check_prints_the_output_of_the_page(written: Path, tmp_path: Path) -> None:
    def status() -> int:
        return config(tmp_path / "site.toml", "--check", str(written))[0]

    assert status() == 0
    manifest = written / "engine" / engine_files.MANIFEST
    manifest.write_text(manifest.read_text().replace("fetch.conf", "other.conf"))
    assert status() == 1
    shutil.rmtree(written)
    assert status() == 2
