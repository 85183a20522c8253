"""Read the XML of S3's responses, which a hostile storage may have written: bounded in bytes, depth and time."""

from __future__ import annotations

from xml.parsers import expat

from xaccel.uploads.look import MAX_RESPONSE_BYTES

_MAX_DEPTH = 16
"""The lists and errors of S3 have five levels."""


class BadXml(ValueError):
    """A response is no XML that S3 writes."""


def read_elements(body: bytes, *entries: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the texts below the root by their names, and the texts in each of the `entries`.

    Raises BadXml for a document that has a DOCTYPE, is cut, too long or too deep.
    """
    top: dict[str, str] = {}
    found: list[dict[str, str]] = []
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, _: object) -> None:
        path.append(name.rpartition(":")[2])
        texts.clear()
        if len(path) > _MAX_DEPTH:
            raise BadXml(f"it has more than {_MAX_DEPTH} levels")
        if len(path) == 2 and path[1] in entries:
            found.append({})

    def end(_: str) -> None:
        name = path.pop()
        if len(path) == 1 and name not in entries:
            top.setdefault(name, "".join(texts))
        elif len(path) == 2 and path[1] in entries:
            found[-1].setdefault(name, "".join(texts))
        texts.clear()

    def refuse(*_: object) -> None:
        raise BadXml("it has a DOCTYPE")

    if len(body) > MAX_RESPONSE_BYTES:
        raise BadXml(f"it has more than {MAX_RESPONSE_BYTES} bytes")
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = texts.append, refuse
    parser.buffer_text = True
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise BadXml("it is no XML, or has no end") from error
    return top, found
