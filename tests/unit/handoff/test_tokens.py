"""A seal is of one site, one class and one version of it."""

from __future__ import annotations

import ast
from collections import Counter, namedtuple
from pathlib import Path

import pytest

import xaccel
from tests.unit.features.uploads.sites import ORIGINS, SECRET, site
from xaccel.features.archives.ticket import Ticket
from xaccel.features.grants.folder import GrantedFolder
from xaccel.handoff.tokens import seal, unseal
from xaccel.site import read_mapping


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
        for file in Path(xaccel.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and "NamedTuple" in map(ast.unparse, node.bases)
    )
    assert {"Upload", "Part", "Ticket", "Address", "FormTicket", "GrantedFolder"} <= found.keys()
    assert [name for name, number in found.items() if number > 1] == []
