"""A member that fails breaks the transfer: no archive that looks whole and is not, and nothing behind a gap."""

from __future__ import annotations

import os
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import on_all_builds
from tests.live.archives.scene import BODY, TAG, Row, Scene, stored
from tests.servers.origin import Answer, Request
from xaccel_testing.servers.processes import wait_until

pytestmark = on_all_builds

GOOD = Row("bad.bin", len(BODY), zlib.crc32(BODY), "partner", "plain", TAG)


def answered(answer: Answer) -> Callable[[Request], Answer]:
    return lambda request: answer


ORIGIN_ANSWERS: dict[str, Callable[[Request], Answer]] = {
    "missing": answered(Answer(status=404, body=b"a page of the storage")),
    "busy": answered(Answer(status=503, body=b"busy")),
    "challenge": answered(Answer(status=401, headers=[("WWW-Authenticate", "Basic")], body=b"who")),
    "no content": answered(Answer(status=204)),
    "cut": answered(Answer(headers=[("Content-Length", str(len(BODY)))], body=[BODY[:1000]], close=True)),
    "shorter": answered(Answer(body=BODY[:-1000])),
    "longer": answered(Answer(body=BODY + b"x" * 1000)),
    "unframed": answered(Answer(body=[BODY[:-7]])),
    "a range of another length": lambda request: stored(request, BODY + b"x"),
    "a redirect that leads nowhere": answered(
        Answer(status=302, headers=[("Location", "http://127.0.0.1:1/")])
    ),
    "a hand-off of its own": answered(
        Answer(headers=[("X-Accel-Redirect", "/cut"), ("Content-Length", "2")], body=b"ok")
    ),
}


def rows_with(archives: Scene, bad: Row, *, parts: bool) -> list[Row]:
    """An archive with a bad member in the middle, at number 2 or, in its second part, 102."""
    good = [row for row in archives.rows["mixed"] if row.origin == "documents" and 0 < row.size < 100_000][:4]
    many = [good[0]._replace(name=f"many/{number}.bin") for number in range(100 if parts else 0)]
    return [*many, *good[:2], bad, *(row._replace(name=f"again/{row.name}") for row in good)]


def assert_breaks(archives: Scene, name: str, *, exact: bool = True) -> None:
    """The transfer breaks, and what came is the beginning of the archive."""
    came = archives.get(name)
    layout = archives.layout(name)
    assert came.is_cut or came.status >= 500, (came.status, len(came.body), layout.size)
    if came.status >= 500:
        assert b"PK" not in came.body
        return
    index = next(number for number, row in enumerate(archives.rows[name]) if row.name == "bad.bin")
    begins = layout[index].data
    known = archives.expected(name)[:begins]
    assert came.body[:begins] == known[: len(came.body)]
    if exact:
        of_bad = archives.bodies.get((archives.rows[name][index].origin, archives.rows[name][index].key), b"")
        assert came.body[begins:] == of_bad[: max(0, len(came.body) - begins)]
    assert len(came.body) <= begins + layout[index].size + 2000


@pytest.fixture(autouse=True)
def _well_again(archives: Scene) -> Iterator[None]:
    yield
    archives.origin.answer = stored


parts = pytest.mark.parametrize("parts", [False, True], ids=["one part", "parts"])


@parts
@pytest.mark.parametrize("label", ORIGIN_ANSWERS)
def test_a_member_that_an_http_origin_does_not_send_breaks_the_archive(
    archives: Scene, label: str, parts: bool
) -> None:
    archives.bodies["partner", "plain"] = BODY
    archives.archive("broken", rows_with(archives, GOOD, parts=parts))
    archives.origin.answer = ORIGIN_ANSWERS[label]
    # a stock NGINX sees a wrong length only after the bytes; so only proven origins may be in archives there
    assert_breaks(archives, "broken", exact=archives.variant.njs)


@parts
@pytest.mark.parametrize(
    "label",
    ["missing", "replaced", "shorter", "longer", "no file", "replaced file", "folder", "link", "other host"],
)
def test_a_member_that_is_not_as_the_app_knows_it_breaks_the_archive(
    archives: Scene, label: str, parts: bool
) -> None:
    stored = archives.put("stored", b"0123456789" * 300)
    file = archives.put("file", b"0123456789" * 300, origin="media")
    (archives.folder / "media" / "folder").mkdir(exist_ok=True)
    link = archives.folder / "media" / "link"
    if not link.is_symlink():
        os.symlink("/etc/hostname", link)
    bad = {
        "missing": stored._replace(key="no such key"),
        "replaced": stored._replace(etag=f'"{"0" * 32}"'),
        "shorter": stored._replace(size=3007),
        "longer": stored._replace(size=2993),
        "no file": file._replace(key="no-such-file"),
        "replaced file": file._replace(etag='"1-1"'),
        "folder": file._replace(key="folder"),
        "link": file._replace(key="link"),
        "other host": stored._replace(origin="partner", key=f"{archives.origin.url}/other/x"),
    }[label]
    archives.archive("broken", rows_with(archives, bad._replace(name="bad.bin"), parts=parts))
    before = len(archives.failures())
    if label == "other host":
        # a stored URL outside its origin is refused before anything is sent
        assert archives.get("broken").status >= 500
        return
    archives.bodies.setdefault((bad.origin, bad.key), b"")
    assert_breaks(archives, "broken")
    assert wait_until(lambda: len(archives.failures()) > before, timeout_s=60)
    failed = [entry for entry in archives.failures()[before:] if entry["origin"]]
    assert [entry["member"] for entry in failed] == ["102" if parts else "2"]


def test_over_http_2_a_member_that_fails_is_an_error_too(archives: Scene, tmp_path: Path) -> None:
    file = tmp_path / "archive.zip"
    curl = ["curl", "-sS", "--http2-prior-knowledge", "-o", str(file), "-w", "%{http_version} %{http_code}"]

    def run(name: str) -> subprocess.CompletedProcess[str]:
        url = f"http://127.0.0.1:{archives.nginx.port}/zip/{name}"
        return subprocess.run([*curl, url], capture_output=True, text=True, timeout=120, check=False)

    done = run("large")
    assert (done.returncode, done.stdout) == (0, "2 200"), done.stderr
    assert file.read_bytes() == archives.expected("large")
    stored = archives.put("stored", b"0123456789" * 300)
    bad = stored._replace(key="no such key", name="bad.bin")
    archives.archive("broken", rows_with(archives, bad, parts=True))
    assert run("broken").returncode in (18, 92)
