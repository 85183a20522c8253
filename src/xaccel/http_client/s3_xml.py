"""Read the XML of S3's responses, which a hostile storage may have written: bounded in bytes, depth and time."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.parsers import expat

from xaccel.http_client.exchange import MAX_RESPONSE_BYTES

_MAX_DEPTH = 16
"""The lists and errors of S3 have five levels."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,59}")
"""The codes of errors, such as "NoSuchKey" and "KMS.DisabledException"
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""


class BadXml(ValueError):
    """A response is no XML that S3 writes."""


class Document(NamedTuple):
    """A response. root: the name of its first element. texts: those below the root, by their names.

    entries: the texts in each of the elements that a reader named, in the order of the document.
    """

    root: str
    texts: dict[str, str]
    entries: list[dict[str, str]]


class S3Error(NamedTuple):
    """An error of S3. code: "" if it is none that S3 could have. message: text of the storage, as it is."""

    code: str
    message: str


def read_document(body: bytes, *entries: str) -> Document:
    """Read a response, with the texts in each of the `entries` below its root.

    Raises BadXml for a document that has a DOCTYPE, is cut, too long or too deep.
    """
    document = Document("", {}, [])
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, _: object) -> None:
        path.append(name.rpartition(":")[2])
        texts.clear()
        if len(path) > _MAX_DEPTH:
            raise BadXml(f"it has more than {_MAX_DEPTH} levels")
        if len(path) == 2 and path[1] in entries:
            document.entries.append({})

    def end(_: str) -> None:
        nonlocal document
        name = path.pop()
        if not path:
            document = document._replace(root=name)
        elif len(path) == 1 and name not in entries:
            document.texts.setdefault(name, "".join(texts))
        elif len(path) == 2 and path[1] in entries:
            document.entries[-1].setdefault(name, "".join(texts))
        texts.clear()

    def refuse(*_: object) -> None:
        raise BadXml("it has a DOCTYPE")

    if len(body) > MAX_RESPONSE_BYTES:
        raise BadXml(f"it has more than {MAX_RESPONSE_BYTES} bytes")
    # S3 writes UTF-8. A document cannot choose another codec of Python.
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = texts.append, refuse
    parser.buffer_text = True
    try:
        # S3 sends spaces while it joins parts, and some storages send them before the declaration
        parser.Parse(body.lstrip(), True)
    except expat.ExpatError as error:
        raise BadXml("it is no XML, or has no end") from error
    return document


def error_of(body: bytes) -> S3Error | None:
    """Return the error that a response has, which can come with the status 200; None for another body.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    try:
        root, texts, _ = read_document(body)
    except BadXml:
        return None
    if root != "Error":
        return None
    code = texts.get("Code", "")
    return S3Error(code if _CODE.fullmatch(code) else "", texts.get("Message", ""))
