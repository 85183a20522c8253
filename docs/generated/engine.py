"""The engine's files by their first lines, the promises that each keeps, and the headers and fields in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from xaccel.tools.nginx.engine_files import FOLDER, text

PROMISES = Path(__file__).resolve().parents[2] / "tests" / "promises.toml"

_MEANINGS = {
    "v": "version of the format",
    "id": "transfer id, UUIDv7; empty if the hand-off had none",
    "origin": "name of the origin",
    "subject": "the user or other party that limits and audit count",
    "method": "the client's method; the origin gets GET or HEAD",
    "protocol": "the client's protocol",
    "status": "status of the client's response; text, since HTTP/0.9 is logged as 009",
    "body_bytes": "bytes of the body that NGINX gave to the client's connection, with framing and `interim_bytes`",
    "interim_bytes": "bytes in `body_bytes` of NGINX's `100 Continue`: 0 or 25",
    "sent_length": "`Content-Length` of the response; empty if chunked",
    "completion": "OK, or empty if the client or NGINX ended the transfer early; meaningless for HEAD",
    "range": "the client's `Range`",
    "content_range": "`Content-Range` of the response",
    "etag": "entity tag of the object that was sent",
    "last_modified": "its date; the validator if it has no ETag",
    "framing": "how the client finds the end of the body: length, chunked or unframed",
    "encoding": "`Content-Encoding` of the counted bytes",
    "size": "size of the object that the app gave",
    "origin_status": "last status of the origin; empty for a directory and a cache hit",
    "origin_seconds": "time until the origin's last byte",
    "cache": "HIT, MISS, STALE …; empty without the cache",
    "why": "reason of a refusal or a failure; empty for a success",
    "note": (
        "text from the app (`Xaccel-Note`): its decision, with [`LOG_DECISIONS`](settings.md#log_decisions)."
        " For a use of a [grant](../integrate/grants.md) `grant:`, and the id of the decision; of a folder also"
        " `&key=`, and the object"
    ),
    "end": "end of the transfer, seconds since 1970",
    "seconds": "from the client's first byte to the end",
    "ip": "the client's address in NGINX",
    "traceparent": "a valid `traceparent` of the request (W3C Trace Context), which the app gets too; else empty",
}


def names() -> list[str]:
    """Return the paths of all files below the engine's folder."""
    return sorted(
        str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".conf", ".js")
    )


def purpose(name: str) -> str:
    """Return the first sentence of a file: what it is for."""
    found: list[str] = []
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "//")):
            break
        found.append(line.lstrip("#/ "))
    sentence = re.match(r"xaccel engine: (.+?)(?:\.(?: |$)|$)", " ".join(found))
    assert sentence is not None, f"{name} does not begin with what it is for"
    return sentence[1]


def switched_off() -> str:
    """Return the table of the files that switch something off."""
    rows = ["| File | Directive | Reason |", "|---|---|---|"]
    for name in names():
        if name.startswith("off/"):
            lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
            (said,) = (line for line in lines if line and not line.startswith("#"))
            rows.append(f"| `{name}` | `{said}` | {purpose(name)} |")
    return "\n".join(rows) + "\n"


def promises() -> str:
    """Return the table of the promises with the files that keep them."""
    rows = ["| Promise | Files |", "|---|---|"]
    for promise in tomllib.loads(PROMISES.read_text(encoding="utf-8")).values():
        kept_by = [f"`{name}`" for name in promise.get("engine", [])]
        kept_by += [f"`src/xaccel/{promise['module']}`"] if "module" in promise else []
        rows.append(f"| {promise['text']} | {', '.join(kept_by)} |")
    return "\n".join(rows) + "\n"


def private_headers() -> list[str]:
    """Return the names of the private headers that become variables, without `Xaccel-`."""
    found = re.findall(r"\$upstream_http_xaccel_(\w+);", text("locations/decision"))
    return ["auth", *(name.replace("_", "-") for name in found)]


def log_fields() -> list[tuple[str, str, str]]:
    """Return name, NGINX expression and meaning of each field of a log entry, in order."""
    found = re.findall(r'"(\w+)":("[^"]*"|[^,}]+)', text("maps/8-log").partition(";")[0])
    return [(name, expression, _MEANINGS[name]) for name, expression in found]


def hidden_headers() -> dict[str, list[str]]:
    """Return the response headers that stock NGINX hides, by the storage that sends them."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text("locations/hide").partition("bucket_size 256;")[2].splitlines():
        name = line[2:] if line.startswith("# ") else name
        found.setdefault(name, []).extend(re.findall(r"proxy_hide_header (\S+);", line))
    return {
        storage: headers for storage, headers in found.items() if headers and "Xaccel-Auth" not in headers
    }


def hidden_prefixes() -> list[str]:
    """Return the beginnings of the response headers that headers-more removes."""
    return re.findall(r"\S+\*", text("locations/headers-more").partition("more_clear_headers")[2])
