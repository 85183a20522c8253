"""The features of features.toml, each tried by requests."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from xaccel.features.uploads.decide import CRC32
from xaccel.features.uploads.look import AWAY, copy_source
from xaccel.features.uploads.parts import BEGIN, Part, completion, upload_id_in, upload_query
from xaccel.http_client.exchange import Exchange
from xaccel.http_client.s3_xml import error_of
from xaccel.site.origins import S3Origin
from xaccel.tools.doctor.storage.scratch import CONTENT, LARGEST, PART, NotTried, Scratch, crc32

FEATURES: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_name("features.toml").read_text(encoding="utf-8")
)
"""Group and title of each, in the order of a report."""
_HARD_KEY = "Jahr 2026/50%+&=#'(1) März.bin"
_LAST = b"the last part"
_CHECKSUM_MODE = "x-amz-checksum-mode=ENABLED"


class Result(NamedTuple):
    """works: None if it was not tried. why: it does not work, or was not tried: no names, no text of a server."""

    works: bool | None
    why: str


Try = Callable[[Scratch], Iterator[str]]
"""Yields for each of its features why it does not work, "" if it does. If it ends early, the others are not tried."""
_tries: dict[Try, tuple[str, ...]] = {}


def tries(*features: str) -> Callable[[Try], Try]:
    """Register a function that tries these features."""

    def registered(function: Try) -> Try:
        _tries[function] = features
        return function

    return registered


def try_all(scratch: Scratch) -> dict[str, Result]:
    """Try each feature. Raises NotTried, OSError, ValueError and HTTPException if there is no object to read."""
    _store_and_read(scratch)
    found: dict[str, Result] = {}
    for function, names in _tries.items():
        found.update(zip(names, _tried(function(scratch), len(names)), strict=True))
    return {name: found[name] for name in FEATURES}


def _tried(steps: Iterator[str], number: int) -> list[Result]:
    results, reason = list[Result](), "an earlier step did not work"
    try:
        for why in steps:
            results.append(Result(not why, why))
    except NotTried as error:
        reason = str(error)
    except AWAY as error:
        results.append(Result(False, f"no response: {type(error).__name__}"))
    return results + [Result(None, reason)] * (number - len(results))


def _store_and_read(scratch: Scratch) -> None:
    if scratch.is_bucket and _code(scratch.read()) == "NoSuchBucket":
        raise NotTried("there is no such bucket")  # some storages would create it on the first PUT
    if scratch.is_bucket and (why := wrong(scratch.write("PUT", "object", CONTENT), 200)):
        raise NotTried(f"the storage stores no object: {why}")
    scratch.first = scratch.read()
    if not scratch.is_bucket:
        scratch.content = scratch.first.body
        if why := wrong(scratch.first, 200):
            raise NotTried(f"the storage does not deliver the object: {why}")
        if not 4 <= len(scratch.content) < LARGEST:
            raise NotTried(f"the object must have 4 bytes or more, and less than {LARGEST:,}")


def wrong(reply: Exchange, *statuses: int, body: bytes | None = None) -> str:
    """Return what is wrong with a response, "" for nothing."""
    said = f"{reply.status} {_code(reply)}".strip()
    if reply.status not in statuses:
        return f"{said} in place of {statuses[0]}"
    if accepted(reply) or reply.status >= 300:
        return "" if body is None or reply.body == body else f"other bytes with {said}"
    return f"an error with {said}"


def accepted(reply: Exchange) -> str:
    """Return what is wrong with the response to a request that a storage must refuse, "" if it did."""
    # S3 can send an error with 200: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    is_refused = reply.status >= 400 or error_of(reply.body) is not None
    return "" if is_refused else f"accepted with {reply.status}"


def _code(reply: Exchange) -> str:
    """Return the code of the error in a response, "" for none."""
    error = error_of(reply.body)
    return error.code if error else ""


def lacks(has: Mapping[str, bool]) -> str:
    """Return which property a response lacks, "" if it has all."""
    return next((f"no {name}" for name, is_there in has.items() if not is_there), "")


@tries("get", "head", "range", "if_match", "if_none_match", "if_range")
def _read(scratch: Scratch) -> Iterator[str]:
    assert scratch.first is not None
    yield wrong(scratch.first, 200, body=scratch.content)
    size, etag, some = len(scratch.content), scratch.first.header("ETag"), {"Range": "bytes=1-3"}
    head = scratch.read(method="HEAD")
    has_length, is_strong = head.header("Content-Length") == str(size), head.header("ETag").startswith('"')
    yield wrong(head, 200) or lacks({"length": has_length, "strong ETag": is_strong})
    part = scratch.read(some)
    is_named = part.header("Content-Range") == f"bytes 1-3/{size}"
    yield wrong(part, 206, body=scratch.content[1:4]) or lacks({"right Content-Range": is_named})
    same, other = (scratch.read({"If-Match": tag}) for tag in (etag, '"another"'))
    yield wrong(same, 200) or wrong(other, 412)
    yield wrong(scratch.read({"If-None-Match": etag}), 304)
    yield wrong(scratch.read({**some, "If-Range": '"another"'}), 200)


@tries("private", "signature")
def _refused(scratch: Scratch) -> Iterator[str]:
    yield accepted(scratch.read(change=lambda url: url.partition("?")[0]))
    pattern = re.compile(r"(?i)(\bsig|signature)=(.)")
    yield accepted(
        scratch.read(change=lambda url: pattern.sub(lambda one: f"{one[1]}={'10'[one[2] == '1']}", url))
    )


@tries("missing")
def _missing(scratch: Scratch) -> Iterator[str]:
    reply = scratch.read(key="missing")
    if reply.status == 403 and isinstance(scratch.origin, S3Origin):
        why = f"{wrong(reply, 404)}: allow s3:ListBucket, or set treat_403_as_404"
        yield "" if scratch.origin.treat_403_as_404 else why
    else:
        yield wrong(reply, 404)


@tries("any_key")
def _any_key(scratch: Scratch) -> Iterator[str]:
    stored = scratch.write("PUT", _HARD_KEY, CONTENT)
    yield wrong(stored, 200) or wrong(scratch.read(key=_HARD_KEY), 200, body=CONTENT)


@tries("put", "checksum", "put_length", "put_crc", "put_once")
def _put(scratch: Scratch) -> Iterator[str]:
    size = ("content-length", str(len(CONTENT)))
    signed = (size, ("content-type", "text/plain"), (CRC32, crc32(CONTENT)))
    yield (why := wrong(scratch.write("PUT", "upload", CONTENT, signed), 200))
    if why:
        return
    head = scratch.read(method="HEAD", key="upload", query=_CHECKSUM_MODE)
    yield wrong(head, 200) or lacks({"CRC-32": head.header(CRC32) == crc32(CONTENT)})
    yield accepted(scratch.write("PUT", "upload", CONTENT + b"x", (size,)))
    yield accepted(scratch.write("PUT", "upload", CONTENT, ((CRC32, crc32(_LAST)),)))
    once = (*signed, ("if-none-match", "*"))
    new, existing = (scratch.write("PUT", "once", CONTENT, once) for _ in range(2))
    yield wrong(new, 200) or wrong(existing, 412)


@tries("parts", "parts_crc", "parts_whole")
def _parts(scratch: Scratch) -> Iterator[str]:
    bodies = bytes(PART), _LAST
    whole, upload, parts = b"".join(bodies), _begin(scratch), list[Part]()
    for number, body in enumerate(bodies, 1):
        reply = _send_part(scratch, upload, number, body)
        if why := wrong(reply, 200):
            yield why
            return
        parts.append(Part("", 0, False, number, len(body), crc32(body), reply.header("ETag")))
    yield ""
    last = _complete(scratch, upload, parts, crc32(_LAST))
    yield accepted(last)
    if not accepted(last):
        last = _complete(scratch, upload, parts, crc32(whole))
    head = scratch.read(method="HEAD", key="parts", query=_CHECKSUM_MODE)
    is_whole = head.header("Content-Length") == str(len(whole))
    has_crc = head.header(CRC32) == crc32(whole)
    yield wrong(last, 200) or wrong(head, 200) or lacks({"right length": is_whole, "CRC-32": has_crc})


@tries("abort")
def _abort(scratch: Scratch) -> Iterator[str]:
    why = wrong(scratch.write("DELETE", "parts", query=upload_query(_begin(scratch))), 204)
    if not why:
        del scratch.uploads[-1]
    yield why


def _begin(scratch: Scratch) -> str:
    """Return the id of a new upload. Raises NotTried."""
    reply = scratch.write("POST", "parts", b"", BEGIN, query="uploads=")
    if why := wrong(reply, 200):
        raise NotTried(f"no upload in parts began: {why}")
    id_ = upload_id_in(reply.body)
    if not id_:
        raise NotTried("no upload in parts began: no id")
    scratch.uploads.append(id_)
    return id_


def _send_part(scratch: Scratch, upload: str, number: int, body: bytes) -> Exchange:
    signed = (("content-length", str(len(body))), (CRC32, crc32(body)))
    query = f"partNumber={number}&{upload_query(upload)}"
    return scratch.write("PUT", "parts", body, signed, query=query)


def _complete(scratch: Scratch, upload: str, parts: list[Part], checksum: str) -> Exchange:
    signed, body = completion(checksum, parts)
    reply = scratch.write("POST", "parts", body, signed, query=upload_query(upload))
    if accepted(reply):
        scratch.uploads.remove(upload)
    return reply


@tries("form", "form_length")
def _form(scratch: Scratch) -> Iterator[str]:
    yield (why := wrong(scratch.post("form", CONTENT, most_bytes=len(CONTENT)), 204, 200, 201))
    if not why:
        yield accepted(scratch.post("form", CONTENT, most_bytes=len(CONTENT) - 1))


@tries("copy")
def _copy(scratch: Scratch) -> Iterator[str]:
    source = copy_source(scratch.locate()) if scratch.is_bucket else ""
    copied = scratch.write("PUT", "copy", b"", (("x-amz-copy-source", source),))
    yield wrong(copied, 200) or wrong(scratch.read(key="copy"), 200, body=scratch.content)


@tries("redirects")
def _redirects(scratch: Scratch) -> Iterator[str]:
    refused = [each for each in scratch.redirected if each.problem]
    yield f"{refused[0].status} to a host that is not in redirect_hosts" if refused else ""
