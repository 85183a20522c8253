"""The programs that users have read the archives: hostile names, 65,536 members, more than four gigabytes."""

from __future__ import annotations

import random
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.unit.features.archives.names import hostile_names
from tests.unit.features.archives.readers import GO, JAVA, TESTS, member, names_of, run, write, write_sparse
from xaccel.features.archives.layout import Layout


def is_here(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: run scripts/system, or scripts/system readers")


def archive_of(names: list[str], folder: Path) -> tuple[Path, Layout]:
    source = random.Random(4)
    contents = [source.randbytes(len(name) * 7 % 400) for name in names]
    layout = Layout.of(member(name, content) for name, content in zip(names, contents, strict=True))
    path = folder / "archive.zip"
    path.write_bytes(write(layout, contents))
    return path, layout


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Layout]:
    return archive_of(hostile_names(500), tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Layout]:
    return archive_of(
        [f"folder {index % 97}/{index}" for index in range(65_536)], tmp_path_factory.mktemp("many")
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Layout]:
    """A sparse file of 13 GB: a member at each limit of 32 bits, and small ones behind them."""
    sizes = [2**32 - 2, 1, 2**32 - 1, 1, 2**32, 1]
    layout = Layout.of(member(f"{index}.bin", size=size, crc32=0) for index, size in enumerate(sizes))
    path = tmp_path_factory.mktemp("large") / "large.zip"
    write_sparse(layout, path)
    return path, layout


MANY = pytest.param("many", marks=pytest.mark.slow)


@pytest.mark.parametrize("program", TESTS)
@pytest.mark.parametrize("kind", ["hostile", MANY])
def test_a_program_reads_each_member(program: str, kind: str, request: pytest.FixtureRequest) -> None:
    is_here(program)
    path, _ = request.getfixturevalue(kind)
    run([*TESTS[program], path])


@pytest.mark.parametrize("program", ["unzip", "7z", "bsdtar", "python3"])
def test_a_program_unpacks_the_names_that_were_laid_out(
    program: str, hostile: tuple[Path, Layout], tmp_path: Path
) -> None:
    is_here(program)
    path, layout = hostile
    outside = tmp_path / "outside"
    inside = outside / "inside"
    inside.mkdir(parents=True)
    unpack = {
        "unzip": ["unzip", "-q", path, "-d", inside],
        "7z": ["7z", "x", "-bso0", f"-o{inside}", path],
        "bsdtar": ["bsdtar", "-xf", path, "-C", inside],
        "python3": ["python3", "-m", "zipfile", "-e", path, inside],
    }[program]
    run(unpack)
    found = {str(one.relative_to(inside)): one.stat().st_size for one in inside.rglob("*") if one.is_file()}
    assert found == {one.name.decode(): one.size for one in layout}
    assert list(outside.iterdir()) == [inside]


LIBRARIES = {"go": (["go", "run"], "read.go", GO), "java": (["java"], "Read.java", JAVA)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hostile", "many", "large"])
@pytest.mark.parametrize("language", LIBRARIES)
def test_the_library_of_a_language_reads_it(
    language: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    is_here(language)
    command, file, source = LIBRARIES[language]
    (tmp_path / file).write_text(source)
    path, layout = request.getfixturevalue(kind)
    output = run([*command, tmp_path / file, path, *(["list"] if kind == "large" else [])])
    assert list(names_of(output)) == [one.name.decode() for one in layout]


@pytest.mark.parametrize(
    "command",
    [["zipinfo", "-1"], ["7z", "l", "-slt"], ["bsdtar", "-tf"], ["unzip", "-Z1"]],
    ids="-".join,
)
def test_a_program_lists_thirteen_gigabytes(command: list[str], large: tuple[Path, Layout]) -> None:
    is_here(command[0])
    path, layout = large
    assert path.stat().st_size == layout.size > 3 * 2**32
    # After a member of exactly 2**32 - 1 bytes Info-ZIP 6.0 warns of the next one, and lists it.
    output = run([*command, path], allowed=(0, 1)).decode()
    assert all(one.name.decode() in output for one in layout)


def test_python_lists_thirteen_gigabytes(large: tuple[Path, Layout]) -> None:
    path, layout = large
    assert [
        (info.filename, info.file_size, info.header_offset) for info in zipfile.ZipFile(path).infolist()
    ] == [(one.name.decode(), one.size, one.begins) for one in layout]
