"""A user's program, which `mypy --strict` reads against the installed wheel, and which then runs."""

from __future__ import annotations

from typing import assert_type

from xaccel import HandOff, HTTPOrigin, InputRefused, ObjectRef, Options, Sender, Site, XaccelError
from xaccel.site import read_mapping
from xaccel.tools.nginx import Nginx, render
from xaccel.tools.nginx.emit import emit

site: Site = read_mapping.read(
    {
        "SECRET": "0123456789-abcdefghijklmnopqrstuv",
        "ORIGINS": {
            "partner": {"type": "http", "base_url": "http://192.0.2.1/"},
        },
    }
)
made = Sender(site).hand_off(
    ObjectRef("partner", "a.pdf"), options=Options(filename="b.pdf", limit_rate="unlimited")
)
assert_type(made, HandOff)
assert_type(made.headers, tuple[tuple[str, str], ...])
assert_type(made.event.size, int | None)


def refused(key: str) -> InputRefused | None:
    try:
        Sender(site).hand_off(ObjectRef("partner", key))
    except InputRefused as error:
        return error
    return None


problem = refused("..")
assert problem is not None
assert_type(problem.where, str)
assert isinstance(problem, XaccelError)
assert isinstance(site.origins["partner"], HTTPOrigin)
assert "/_xaccel/partner" in emit(render(site, Nginx(version=(1, 26, 3))).server)
