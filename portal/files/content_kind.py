"""Plain names of content types, and whether a browser shows them."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """icon: name of the drawing in templates/files/icon.html. opens: a browser shows it, safely."""

    label: str
    icon: str
    opens: bool


_KINDS = {
    "application/pdf": Kind("PDF", "document", True),
    "application/zip": Kind("ZIP archive", "archive", False),
    "application/gzip": Kind("Archive", "archive", False),
    "application/x-tar": Kind("Archive", "archive", False),
    "application/json": Kind("JSON", "text", False),
    "application/msword": Kind("Word document", "document", False),
    "application/vnd.ms-excel": Kind("Spreadsheet", "table", False),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": Kind(
        "Slides", "document", False
    ),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Kind("Spreadsheet", "table", False),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Kind(
        "Word document", "document", False
    ),
    "text/csv": Kind("CSV table", "table", False),
    # A page somebody uploaded, shown under this host's name, is made for phishing even without scripts.
    "text/html": Kind("Web page", "text", False),
    "text/plain": Kind("Text", "text", True),
    "image/svg+xml": Kind("Drawing", "image", True),
    "image/tiff": Kind("Image", "image", False),
}
_FAMILIES = {
    "image": Kind("Image", "image", True),
    "audio": Kind("Audio", "audio", True),
    "video": Kind("Video", "video", True),
    "text": Kind("Text", "text", False),
}


def type_of(name: str) -> str:
    """Return the content type of a file by its name: what a browser claims about an upload decides nothing."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def kind_of(content_type: str) -> Kind:
    """Describe `content_type`; its parameters do not matter."""
    essence = content_type.partition(";")[0].strip().lower()
    family = _FAMILIES.get(essence.partition("/")[0], Kind("File", "file", False))
    return _KINDS.get(essence, family)
