"""A warning for an NGINX that lacks the fix of a known vulnerability, and none for one that a distribution patched."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest

from xaccel import cli
from xaccel.nginx.advisories import ADVISORIES, SOURCES, Package, package_of, warning

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this system has no dpkg")
OLD = (1, 26, 3)


def test_the_table_is_well_formed() -> None:
    names = [row.name for row in ADVISORIES]
    assert len(set(names)) == len(names)
    for row in ADVISORIES:
        stable, mainline = row.fixed
        assert re.fullmatch(r"CVE-20[0-9]{2}-[0-9]{4,}", row.name)
        assert stable[1] % 2 == 0, "a stable branch has an even number"
        assert mainline[1] % 2 == 1, "the mainline branch has an odd number"
        assert row.since < stable < mainline
        assert row.where
        assert set(row.sources) <= SOURCES.keys()
        assert row.sources
        assert (row.debian is None) == (row.since > OLD)
    assert {source for row in ADVISORIES for source in row.sources} == SOURCES.keys()


def test_each_vulnerability_is_reported_only_before_its_fix() -> None:
    for row in ADVISORIES:
        for major, minor, patch in row.fixed:
            assert not row.concerns((major, minor, patch))
            if patch:
                assert row.concerns((major, minor, patch - 1))
        assert row.concerns(row.since if row.since > (1, 0, 0) else OLD)
    newest = max(row.fixed[1] for row in ADVISORIES), max(row.fixed[0] for row in ADVISORIES)
    assert [warning(version, None, asked=True) for version in newest] == [None, None]


@needs_dpkg
def test_debians_nginx_is_judged_by_its_own_changelog() -> None:
    """Where this machine has Debian's package: what the table says of Debian 13 is what its changelog names."""
    package = package_of("nginx") or package_of("/usr/sbin/nginx")
    revision = re.match(r"1\.26\.3-3\+deb13u([0-9]+)", package.revision if package else "")
    if package is None or revision is None or package.named is None:
        pytest.skip("this machine has not Debian 13's nginx with its changelog")
    known = {row.name for row in ADVISORIES if row.debian is not None and row.debian <= int(revision[1])}
    assert known <= package.named
    assert {row.name for row in ADVISORIES if row.debian is None} & package.named == set()
    if int(revision[1]) >= 11:
        assert warning(OLD, package, asked=True) is None


@pytest.mark.parametrize(
    ("revision", "named", "words"),
    [
        ("1.26.3-3+deb13u11", None, None),
        ("1.26.3-3+deb13u12", frozenset[str](), None),
        ("1.26.3-3+deb13u10", None, "the package 1.26.3-3+deb13u10 lacks the fixes of 7 known"),
        ("1.26.3-3+deb13u11~bpo12+1", None, None),
        ("1.26.3-2ubuntu1.9", frozenset(row.name for row in ADVISORIES), None),
        ("1.26.3-2ubuntu1.9", frozenset({"CVE-2026-1642"}), "lacks the fixes of 17 known vulnerabilities"),
        ("1.26.3-2ubuntu1.9", None, "the version 1.26.3-2ubuntu1.9 alone does not show"),
    ],
)
def test_the_package_decides_before_the_version(
    revision: str, named: frozenset[str] | None, words: str | None
) -> None:
    told = warning(OLD, Package(revision, named), asked=True)
    assert (told is None) if words is None else (told is not None and words in told and "\n" not in told)


@needs_dpkg
def test_a_package_of_dpkg_is_found_by_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a database of dpkg's own form."""
    binary = tmp_path / "bin" / "nginx"
    for folder in ("bin", "info", "doc/nginx"):
        (tmp_path / folder).mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    (tmp_path / "status").write_text(
        "Package: nginx\nStatus: install ok installed\nMaintainer: x <x@example.org>\nArchitecture: all\n"
        "Version: 1.22.1-9+deb12u9\nDescription: x\n\n"
    )
    (tmp_path / "info" / "nginx.list").write_text(f"/.\n{binary}\n")
    (tmp_path / "info" / "format").write_text("1\n")
    monkeypatch.setenv("DPKG_ADMINDIR", str(tmp_path))
    assert package_of(str(binary), documentation=tmp_path / "doc") == Package("1.22.1-9+deb12u9", None)
    with gzip.open(tmp_path / "doc" / "nginx" / "changelog.Debian.gz", "wt") as changelog:
        changelog.write("  * d/p/CVE-2026-42533.patch: fix (CVE-2026-9256)\n")
    named = frozenset({"CVE-2026-42533", "CVE-2026-9256"})
    assert package_of(str(binary), documentation=tmp_path / "doc") == Package("1.22.1-9+deb12u9", named)
    assert package_of(str(tmp_path / "bin" / "other")) is None


def test_a_package_of_rpm_is_found_by_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a program in the place of rpm, which this system need not have."""
    for name, text in {
        "rpm": 'case "$*" in *--changelog*) echo "- fix CVE-2026-15176";; *) echo 1.26.3-16.el10_3.1;; esac',
        "dpkg-query": "exit 1",
        "nginx": "",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert package_of("nginx") == Package("1.26.3-16.el10_3.1", frozenset({"CVE-2026-15176"}))


@pytest.mark.parametrize(("version", "warned"), [("1.26.3", True), ("1.31.9", False)])
def test_the_command_warns_in_one_line_and_prints_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, warned: bool
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        'secret = "0123456789abcdef0123456789abcdef"\ntransfer_log = "/var/log/xaccel/transfers.log"\n'
        '[origins.media]\ntype = "local"\nroot = "/srv"\n'
    )
    assert cli.main(["config", str(site), "--nginx-version", version]) == 0
    printed = capsys.readouterr()
    assert "location" in printed.out
    assert printed.err.count("warning:") == warned
    assert ("reference/advisories" in printed.err) == warned
