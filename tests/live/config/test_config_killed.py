"""`config --write` is killed at any step: NGINX finds the old files or the new ones, and accepts them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.live.commands import write_nginx
from tests.live.config.golden import SECRET
from tests.live.conftest import build_of
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.site import Cache
from xaccel.tools.nginx import config_folder
from xaccel.tools.nginx.engine_files import MANIFEST, MARKER, VERSION
from xaccel.tools.nginx.probe import call
from xaccel_testing import Variant

# the files are switched by the same code for each build of NGINX
pytestmark = pytest.mark.variants("deb-njs")

WEB = HTTPOrigin(base_url="http://192.0.2.1/", request_headers={"Authorization": "Bearer of-the-web"})
FEW = Site(origins={"web": WEB}, secrets=(SECRET,))
MANY = replace(
    FEW,
    origins={
        "web": WEB,
        "bucket": S3Origin(bucket="b", region="us-east-1", endpoint_url="http://192.0.2.2:9000", cache=True),
        "media": LocalOrigin(root="/srv"),
    },
    cache=Cache(path="cache"),
    concurrency={"default": 8},
    response_headers=("X-Robots-Tag",),
)
SECOND = replace(FEW, name="two")
ENTRIES = ("http.conf", "app.conf", "site/server.conf", "two/server.conf")
"""What an operator includes."""
Files = dict[Path, str]
Seen = tuple[tuple[str, bytes], ...]


def later(made: Files) -> Files:
    """Rename a variable and a file in the engine and the site: neither works with the other one's former release."""
    new = MARKER.replace(str(VERSION), str(VERSION + 1))
    renamed = {
        Path(str(path).replace(MARKER, new)): text.replace(MARKER, new).replace(
            "$xaccel_at_origin", "$xaccel_origin_url"
        )
        for path, text in made.items()
    }
    assert renamed != made
    return renamed


def newer(made: Files) -> Files:
    """Give the engine the manifest of a newer release."""
    return {
        path: f"# xaccel 999.0, engine {VERSION}\n" if path.name == MANIFEST else text
        for path, text in made.items()
    }


@dataclass
class Folder:
    """A folder of `config --write` and the NGINX that includes it."""

    variant: Variant
    path: Path
    accepted: set[Seen] = field(default_factory=set)

    def texts(self, site: Site) -> Files:
        return config_folder.texts(site, build_of(self.variant), self.path)

    def write(self, made: Mapping[Path, str]) -> None:
        config_folder.write(made, self.path)

    def seen(self) -> Seen:
        """Return the files that NGINX can find, by path."""
        found = {}
        for parent, folders, names in os.walk(self.path, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths = [Path(parent, name) for name in names if not name.startswith(".")]
            found |= {str(path.relative_to(self.path)): path.read_bytes() for path in paths if path.exists()}
        return tuple(sorted(found.items()))

    def check(self, had: set[str]) -> None:
        """Run `nginx -t` on what an operator can include; `had` is what was there before."""
        seen = self.seen()
        if seen in self.accepted:
            return
        there = [name for name in ENTRIES if (self.path / name).exists()]
        assert had <= set(there)
        includes = {name: f"include {self.path}/{name};" if name in there else "" for name in ENTRIES}
        inside = f"""{includes["http.conf"]}
            server {{
                listen 127.0.0.1:1; {includes["site/server.conf"]} {includes["two/server.conf"]}
                location / {{ {includes["app.conf"]} }}
            }}"""
        named = write_nginx(self.path.parent, self.variant.load_modules, inside)
        done = call([self.variant.binary, *named, "-t"])
        assert done.returncode == 0, done.stderr
        self.accepted.add(seen)


Change = tuple[Callable[[Folder], Any], Callable[[Folder], Files]]


CHANGES: dict[str, Change] = {
    "first time": (lambda folder: None, lambda folder: folder.texts(MANY)),
    "origins removed": (lambda folder: folder.write(folder.texts(MANY)), lambda folder: folder.texts(FEW)),
    "same settings": (lambda folder: folder.write(folder.texts(MANY)), lambda folder: folder.texts(MANY)),
    "second site": (lambda folder: folder.write(folder.texts(FEW)), lambda folder: folder.texts(SECOND)),
    "engine newer": (
        lambda folder: folder.write(folder.texts(MANY)),
        lambda folder: later(folder.texts(MANY)),
    ),
    "engine kept": (lambda folder: folder.write(newer(folder.texts(MANY))), lambda folder: folder.texts(FEW)),
}
"""What is in the folder, and what is written then."""


def ended(work: Callable[[], object], each: Callable[[int], object]) -> bool:
    """Do this in a process that calls `each` before each of its steps; tell whether it had an end."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    steps, is_inside = 0, False

    def before(event: str, _: tuple[Any, ...]) -> None:
        nonlocal steps, is_inside
        if is_inside or not (event == "open" or event.startswith(("os.", "ctypes."))):
            return
        is_inside = True
        each(steps)
        steps, is_inside = steps + 1, False

    with suppress(BaseException):
        sys.addaudithook(before)
        work()
        os._exit(0)
    os._exit(1)


@dataclass
class Changed:
    """A folder before a change, a copy of it, and the files of the change."""

    name: str
    folder: Folder
    copy: Path
    made: Files

    def restore(self) -> set[str]:
        """Put the folder back as it was, and return what an operator includes."""
        shutil.rmtree(self.folder.path)
        shutil.copytree(self.copy, self.folder.path, symlinks=True)
        return {name for name in ENTRIES if (self.folder.path / name).exists()}

    def require_written(self) -> None:
        """Write what a killed command had to write: there are the new files, and one set of them."""
        self.folder.write(self.made)
        self.folder.check(set())
        assert {path: path.read_text() for path in self.made} == self.made
        hidden = [path.name for path in self.folder.path.glob(".*")]
        assert len(hidden) == 2, hidden
        assert not list(self.folder.path.rglob(".*.xaccel"))


@pytest.fixture(params=CHANGES)
def changed(request: pytest.FixtureRequest, variant: Variant) -> Iterator[Changed]:
    # in memory, where fsync costs nothing
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as temporary:
        folder = Folder(variant, Path(temporary) / "xaccel")
        folder.path.mkdir()
        before, after = CHANGES[request.param]
        before(folder)
        shutil.copytree(folder.path, Path(temporary) / "copy", symlinks=True)
        yield Changed(request.param, folder, Path(temporary) / "copy", after(folder))


def steps_of(changed: Changed) -> str:
    """Write the files once, and return a character for each step: "!" where NGINX finds others than before it."""
    changed.restore()
    reader, writer = os.pipe()
    last = changed.folder.seen()

    def note(_: int) -> None:
        nonlocal last
        before, last = last, changed.folder.seen()
        os.write(writer, b"." if before == last else b"!")

    assert ended(lambda: changed.folder.write(changed.made), note)
    os.close(writer)
    with open(reader) as found:
        return found.read()


def test_a_kill_at_any_step_leaves_the_old_files_or_the_new_ones(changed: Changed) -> None:
    folder, steps = changed.folder, steps_of(changed)
    assert steps.count("!") == (changed.name != "same settings"), steps
    switch = steps.find("!")
    for step in sorted({switch - 1, switch, *range(0, len(steps), 250)} - {-1, -2}):
        had = changed.restore()

        def kill(number: int, step: int = step) -> None:
            if number == step:
                os.kill(os.getpid(), signal.SIGKILL)

        assert not ended(lambda: folder.write(changed.made), kill)
        folder.check(had)
        changed.require_written()
    assert len(folder.accepted) == len({changed.name, "same settings"})
