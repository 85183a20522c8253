"""Downloads from a private bucket, without a framework: `scripts/example wsgi`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from xaccel.wsgi import Downloads

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

files = Downloads("site.toml")


def app(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
    # A path is UTF-8 that WSGI hands over as Latin-1.
    key = environ["PATH_INFO"].encode("latin-1").decode().removeprefix("/files/")
    user = parse_qs(environ["QUERY_STRING"]).get("user", [""])[0]  # in your app: who is signed in
    if not user or key.partition("/")[0] != user:
        return files.deny_download(environ, start_response, subject=user, key=key, reason="not the owner")
    return files.send_file(environ, start_response, key, as_attachment=True, subject=user)
