"""Names that the app and NGINX agree on: headers, locations, servers, and purposes of tokens.

docs/extend/protocol.md explains them. The engine has the same names in NGINX's own language.
"""

from __future__ import annotations

PROTOCOL = 1
"""The version of the hand-off between app and NGINX (docs/extend/protocol.md); it is bound to `internal_prefix`."""

INTERNAL_START = "/_xaccel"
"""How the paths of all internal locations begin, whatever the name of the site is."""

# The app's response to NGINX.
REDIRECT_HEADER = "X-Accel-Redirect"
EXPIRES_HEADER = "X-Accel-Expires"
PRIVATE_START = "Xaccel-"
"""How all private headers begin."""
AUTH_HEADER = "Xaccel-Auth"
ID_HEADER = "Xaccel-Id"
URL_HEADER = "Xaccel-Url"
METHOD_HEADER = "Xaccel-Method"
CACHE_KEY_HEADER = "Xaccel-Cache-Key"
SLICES_HEADER = "Xaccel-Slices"
SUBJECT_HEADER = "Xaccel-Subject"
SIZE_HEADER = "Xaccel-Size"
NOTE_HEADER = "Xaccel-Note"
RATE_HEADER = "Xaccel-Rate"
RATE_AFTER_HEADER = "Xaccel-Rate-After"
CONCURRENCY_HEADER = "Xaccel-Concurrency"
CONCURRENCY_KEY_HEADER = "Xaccel-Concurrency-Key"
CSP_HEADER = "Xaccel-Csp"
ETAG_HEADER = "Xaccel-Etag"
LAST_MODIFIED_HEADER = "Xaccel-Last-Modified"
DECLARED_START = "Xaccel-Header-"
"""Text before the name of a header that the site declares."""
PRIVATE_NAMES = {
    "Content-Type": "Xaccel-Type",
    "Content-Disposition": "Xaccel-Disposition",
    "Cache-Control": "Xaccel-Cache-Control",
    "ETag": ETAG_HEADER,
    "Last-Modified": LAST_MODIFIED_HEADER,
}
"""The user's headers that a hand-off decides, each with the private header that carries it."""

OF_THE_ORIGIN = "of-the-origin"
"""The value of the private header for Content-Disposition or Cache-Control that lets the storage say it."""

# Requests of NGINX to the app.
TOKEN_HEADER = "Xaccel-Nginx-Token"  # noqa: S105
"""With it NGINX shows an app in debug mode, and the assembler of archives, that a request came through it. Django hides
a header with "Token" in its name on the pages for errors."""
UPLOAD_TOKEN_HEADER = "Xaccel-Upload-Token"  # noqa: S105
"""By it the app recognises the two requests of NGINX about an upload. Their tokens differ, and no client has one."""
TICKET_HEADER = "Xaccel-Ticket"
"""The sealed permission for an archive, which the app gave NGINX in the URL of the hand-off."""

# Remembered grants.
GRANT_HEADER = "Xaccel-Grant"
GRANT_SESSION_HEADER = "Xaccel-Grant-For"
SCOPE_HEADER = "Xaccel-Grant-Scope"
"""The header with the address of a request whose hand-off NGINX may remember, and of the app's response."""
GRANT_KEY_HEADER = "Xaccel-Grant-Key"
GRANT_PLACE_HEADER = "Xaccel-Grant-Place"
GRANT_URL_HEADER = "Xaccel-Grant-Url"

# `xaccel trace`.
TRACE_HEADER = "Xaccel-Trace"
TRACED_HEADER = "Xaccel-Traced"
TRACE_COOKIE = "xaccel_trace"

# Purposes of a token: one that NGINX sends for one purpose is refused for any other.
FOR_NGINX = "nginx"
UPLOAD_ASK, UPLOAD_DONE = "upload ask", "upload done"
"""NGINX asks whether an upload may come, and reports how it ended."""
UPLOAD_DOOR = "upload door"
"""The request came through the location of its path."""

UPLOAD_FORM = "xaccel_form"
"""The query parameter with the seal of a form's address: NGINX takes such a POST as an upload."""

ARCHIVES = "archives"
"""The name of the origin that assembles ZIP archives, and of its server."""
GRANTS = "grants"
"""The name of the server that remembers hand-offs."""
REDIRECTS = "redirects"
"""The name of the server that adds hand-offs to redirects."""
UPLOADS = "uploads"
"""The name of the server that sends uploads on to the storage."""

# Locations below the internal prefix. No origin has a name with a dot.
SIGN = ".sign"
"""The location of the app that signs the URL of an object in a folder, for NGINX."""
REVOKE = ".revoke"
"""The location for revocations."""


def name_in_environ(header: str) -> str:
    """Return the name that WSGI gives a request header (PEP 3333)."""
    return f"HTTP_{header.upper().replace('-', '_')}"
