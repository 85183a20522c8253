"""Responses of an app, or of a backend beside it, that NGINX must not remember."""

from __future__ import annotations

from tests.live.grants.scene import SECRET, Scene
from tests.servers.origin import Request
from xaccel.features.grants.grant import key_of
from xaccel.site.protocol import SCOPE_HEADER


def granted(grants: Scene, request: Request, session: str, **changed: str | None) -> list[tuple[str, str]]:
    """The headers of a hand-off that NGINX remembers, of which some are `changed`, or left out."""
    headers: dict[str, str | None] = {
        "X-Accel-Redirect": "/_xaccel/media/a",
        "X-Accel-Expires": "60",
        "Xaccel-Auth": SECRET,
        "Xaccel-Id": "019aae21-0000-7000-8000-000000000000",
        "Xaccel-Type": "text/plain",
        "Xaccel-Grant": key_of(grants.site, "session", session),
        "Xaccel-Grant-For": session,
        SCOPE_HEADER: request.target,
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return [(name, value) for name, value in headers.items() if value is not None]


UNFIT: dict[str, dict[str, str | None]] = {
    "another session": {"Xaccel_Grant_For": "another-session-0123456789"},
    "another case of the session": {"Xaccel_Grant_For": "upper"},
    "no session": {"Xaccel_Grant_For": None},
    "another address": {"Xaccel_Grant_Scope": "/files/media/b"},
    "no address": {"Xaccel_Grant_Scope": None},
    "no tag": {"Xaccel_Grant": None},
    "a tag that is a path": {"Xaccel_Grant": "../../../../../../etc/passwd"},
    "a wrong secret": {"Xaccel_Auth": "x" * 40},
    "no secret": {"Xaccel_Auth": None},
    "no life": {"X_Accel_Expires": None},
    "a life of no seconds": {"X_Accel_Expires": "0"},
    "a long life": {"X_Accel_Expires": "1000"},
    "a moment": {"X_Accel_Expires": "@4000000000"},
    "a cookie": {"Set_Cookie": "a=b"},
    "no hand-off": {"X_Accel_Redirect": None},
    "another location": {"X_Accel_Redirect": "/elsewhere"},
    "any Vary": {"Vary": "*"},
    "any Vary, last in a list": {"Vary": "Accept-Encoding, *"},
    "any Vary, first in a list": {"Vary": "*\t,Accept-Language"},
    "an address, and the place of a folder": {"Xaccel_Grant_Place": "/_xaccel/media/films/7/"},
    "a folder in place of the address": {
        SCOPE_HEADER.replace("-", "_"): "*/files/",
        "Xaccel_Grant_Place": "/_xaccel/media/",
    },
}
"""What a response lacks, or has, that is not remembered."""

IN_FOLDER: dict[str, dict[str, str | None]] = {
    "no place": {"Xaccel_Grant_Place": None},
    "a place that is no origin": {"Xaccel_Grant_Place": "/etc/"},
    "another folder": {"Xaccel_Grant_Scope": "*/files/media/films/8/"},
    "the folder above": {"Xaccel_Grant_Scope": "*/files/media/films/"},
    "the folder without its mark": {"Xaccel_Grant_Scope": "/files/media/films/7/"},
    "one address": {"Xaccel_Grant_Scope": "/files/media/films/7/s1.ts", "Xaccel_Grant_Place": None},
    "a wrong secret": {"Xaccel_Auth": "x" * 40},
}
"""The same for a folder. Nothing of it may be used for another object."""
