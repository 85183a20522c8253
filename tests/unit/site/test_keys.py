"""All keys are derived in one module. A seal is of one site, one class and one version of it."""

from __future__ import annotations

import ast
from collections import Counter, namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

import xaccel
from tests.unit.features.uploads.sites import ORIGINS, SECRET, site
from xaccel.features.archives.ticket import Ticket
from xaccel.features.grants.folder import GrantedFolder
from xaccel.site import read_mapping
from xaccel.site.keys import seal, unseal

PACKAGE = Path(xaccel.__file__).parent
HASHES = {"sha256", "sha512", "blake2b", "md5", "sha1", "sha384", "blake2s", "pbkdf2_hmac", "scrypt"}
ALLOWED = {
    "signing/signer.py": "Signature Version 4 has the secret key of a bucket, and its own derivation",
    "django/conf.py": "makes the site's secret itself, from SECRET_KEY",
    "audit/share_links/reserve.py": "a link has a secret of its own, and is found by its digest",
    "django/uploads/forms.py": "the address of a form is bound to a cookie by its digest",
    "audit/removals.py": "the digest of a subject depends on SECRET_KEY: the audit does not know the site's secret",
}
"""Modules that make keyed digests, with the reason."""


def derivations(path: Path) -> Iterator[int]:
    """Yield the lines of a module that import HMAC, or hash a secret."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
        )
        if names & {"hmac", "salted_hmac"} or getattr(node, "module", "") == "hmac":
            yield node.lineno
        is_hash = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in HASHES
        if is_hash and "secret" in "".join(map(ast.unparse, node.args)).lower():
            yield node.lineno


def test_no_other_module_derives_a_key() -> None:
    lines = {str(path.relative_to(PACKAGE)): list(derivations(path)) for path in PACKAGE.rglob("*.py")}
    assert len(lines.pop("site/keys.py")) == 2
    assert {name for name, numbers in lines.items() if numbers} <= ALLOWED.keys()


def test_a_seal_is_for_one_class_and_site() -> None:
    one, other = site(), read_mapping.read({"SECRET": SECRET, "ORIGINS": ORIGINS, "NAME": "shop"})
    ticket = Ticket("layout", "7", "", 1)
    text = seal(one, ticket)
    assert unseal(one, Ticket, text) == ticket
    assert unseal(one, GrantedFolder, text) is None
    assert unseal(other, Ticket, text) is None
    assert unseal(one, Ticket, f"x{text}") is None
    assert unseal(one, Ticket, "") is None


@pytest.mark.parametrize(
    "fields", [Ticket._fields[:-1], (*Ticket._fields, "more"), ("key", *Ticket._fields[1:])]
)
def test_a_seal_of_another_version_is_none(fields: tuple[str, ...]) -> None:
    """During an upgrade, processes of both versions get what the other one sealed."""
    other = namedtuple("Ticket", fields)
    assert unseal(site(), Ticket, seal(site(), other._make(fields))) is None


def test_no_two_tuples_have_one_name() -> None:
    """The name keeps a ticket from being taken for another one, even if both have the same fields."""
    found = Counter(
        node.name
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and "NamedTuple" in map(ast.unparse, node.bases)
    )
    assert {"Upload", "Part", "Ticket", "Address", "FormTicket", "GrantedFolder"} <= found.keys()
    assert [name for name, number in found.items() if number > 1] == []
