"""Named captures are variables of the whole NGINX: a second expression with the same name would change its value."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine_text import expanded, parse
from tests.live.config.golden import BUILDS
from xaccel.site import Cache, Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin
from xaccel.tools.nginx import Directive, standalone
from xaccel.tools.nginx.engine_files import FOLDER

OF_THE_ORIGIN = "site origin sender root origin_url origin_upstream treat_403_as_404 redirect_hosts"
SETTINGS = {f"xaccel_{name}": "the origin of the hand-off" for name in OF_THE_ORIGIN.split()}
OF_A_MEMBER = "number origin asked span"
TWICE = {
    **dict.fromkeys(
        SETTINGS.keys() - {"xaccel_site", "xaccel_root"}, "a hand-off, a member of an archive, or an upload"
    ),
    **{f"xaccel_member_{name}": "a member of an archive, or a part" for name in OF_A_MEMBER.split()},
    "xaccel_public_id": "a hand-off, or the request to assemble its archive",
    "xaccel_revoked_key": "a revocation, or NGINX's request that stores its mark",
    **dict.fromkeys(
        ("xaccel_redirect_base", "xaccel_redirect_key"),
        "a Location with a signature, or one that needs none: the first row that matches sets them",
    ),
    **dict.fromkeys(
        ("xaccel_base", "xaccel_scheme", "xaccel_host", "xaccel_path"), "a download, or an upload"
    ),
}
"""Names that two expressions of the engine may have, and why: no request meets both."""

REMEMBERED = {
    **SETTINGS,
    **{f"xaccel_member_{name}": "the last member" for name in "number span way etag url".split()},
    **{f"xaccel_raw_{number}": "a character, if the response is not HTTP" for number in range(1, 72)},
    "xaccel_ticket": "the parts of this archive",
    "xaccel_include_runs": "the next include: empty after one that came whole",
    "xaccel_base": "the last URL, from which a Location is resolved",
    "xaccel_scheme": "the last URL",
    "xaccel_file": "the last URL",
    "xaccel_dir": "the last URL",
    "xaccel_host": "the request of this URL",
    "xaccel_path": "the request of this URL",
    "xaccel_at_origin": "the request of this URL",
    "xaccel_public_id": "the requests of this transfer",
    "xaccel_last_slice_requested": "which slice was requested last, for the log",
    "xaccel_last_slice_received": "which slice came last, for the log",
    "xaccel_upload_file": "the file of this upload",
    "xaccel_redirect_key": "the log entry of this redirect",
    "xaccel_torn": "a slice was torn: no slice after it is requested",
}
"""Captures that something else reads than the row with the expression, and what they are read for."""


@dataclass(frozen=True)
class Expression:
    """One expression with captures. `value` is what the same row or directive makes of them."""

    place: str
    text: str
    value: str

    @property
    def captures(self) -> set[str]:
        return set(re.findall(r"\(\?P?[<'](?![=!])(\w+)[>']", self.text))


def expressions(place: str, directives: Iterable[Directive]) -> Iterator[Expression]:
    """Return everything that is written, each name of a row or argument once."""
    for item in directives:
        inside = place if item.block is None else f"{place}: {item.name} {' '.join(item.args)}"
        yield Expression(place, " ".join([item.name, *item.args]), " ".join(item.args))
        if item.block is not None:
            yield from expressions(inside, item.block)


def engine() -> list[Expression]:
    return [
        found
        for path in sorted(FOLDER.rglob("*.conf"))
        for found in expressions(str(path.relative_to(FOLDER)), parse(path.read_text(encoding="utf-8")))
    ]


def whole_configuration(build: str) -> list[Expression]:
    """Return a configuration with every kind of origin, with the engine in place of its includes."""
    site = Site(
        origins={
            "http": HTTPOrigin(
                base_url="http://192.0.2.1/", redirect_hosts=("192.0.2.2", "*.test"), cache=True
            ),
            "https": HTTPOrigin(
                base_url="https://192.0.2.1/", ca_file="ca.pem", request_headers={"X-Key": "k"}
            ),
            "directory": LocalOrigin(root="/srv/files"),
        },
        secrets=("0123456789-abcdefghijklmnopqrstuvwxyz",),
        cache=Cache(path="cache"),
        concurrency={"default": 3, "guests": 1},
        resolver=("192.0.2.53",),
        access_logs=("own.log combined",),
    )
    text = standalone(site, BUILDS[build], listen="127.0.0.1:8080", app="127.0.0.1:8000")
    return list(expressions("nginx.conf", expanded(parse(text))))


def uses(found: Iterable[Expression]) -> dict[str, list[Expression]]:
    """Return the expressions of each capture."""
    result = defaultdict(list)
    for expression in found:
        for name in expression.captures:
            result[name].append(expression)
    return dict(result)


def test_no_two_expressions_of_the_engine_share_a_capture() -> None:
    found = uses(engine())
    assert len(found) > 50
    shared = {name: [each.place for each in places] for name, places in found.items() if len(places) > 1}
    assert shared.keys() == TWICE.keys(), shared


@pytest.mark.parametrize("build", BUILDS)
def test_no_two_expressions_of_a_site_share_a_capture(build: str) -> None:
    """The engine's `if` is in each location that fetches: there it is the same expression."""
    found = uses(whole_configuration(build))
    assert len(found) > 50
    shared = {
        name: [each.place for each in places]
        for name, places in found.items()
        if len({each.text for each in places}) > 1
    }
    assert shared == {}


def test_a_capture_has_a_name_of_xaccel() -> None:
    """An operator's own expressions are in the same NGINX."""
    assert [name for name in uses(engine()) if not name.startswith("xaccel_")] == []
    assert [name for name in uses(whole_configuration("deb")) if not name.startswith("xaccel_")] == []


def test_each_use_of_another_expressions_capture_is_listed() -> None:
    """Such a capture has the value of the last match in the request, however long ago that was."""
    found = engine()
    remembered = set()
    for name, places in uses(found).items():
        reads = re.compile(rf"\$\{{?{name}\b")
        if any(reads.search(each.value) for each in found if each not in places):
            remembered.add(name)
    assert remembered == REMEMBERED.keys()


def test_no_directive_assigns_to_a_capture() -> None:
    """A capture that a map or `set` also assigns would have two meanings; some also have a map that explains them."""
    maps = {name[1:] for path in sorted((FOLDER / "maps").glob("*.conf")) for name in declared(path)}
    assigned = {each.text.split()[1][1:] for each in engine() if each.text.startswith("set $")}
    of_url = ("base", "scheme", "host", "file", "dir", "at_origin")
    parts = {*(f"xaccel_{name}" for name in of_url), *SETTINGS, "xaccel_member_number", "xaccel_include_runs"}
    assert uses(engine()).keys() & (maps | assigned) == parts


def declared(path: Path) -> list[str]:
    return [item.args[1] for item in parse(path.read_text(encoding="utf-8")) if item.name == "map"]
