"""WSGI without a framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.wsgi import Downloads

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


class Files(Downloads):
    """Downloads that name the error."""

    def refuse_invalid(
        self, environ: Mapping[str, Any], start_response: StartResponse, refused: InputRefused, status: int
    ) -> list[bytes]:
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [type(refused).__name__.encode()]


files = Files(SITE)


def app(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    kind, arguments = decision(environ["PATH_INFO"].removeprefix("/download/"))
    if kind == "deny":
        return files.deny_download(environ, start_response, **arguments)
    return files.send_file(environ, start_response, arguments.pop("key", None), **arguments)
