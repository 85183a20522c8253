"""S3's XML, from storages that write it in their own way, and from hostile ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from xaccel.http_client.exchange import MAX_RESPONSE_BYTES
from xaccel.http_client.s3_xml import BadXml, Document, S3Error, error_of, read_document

SOURCE = Path(__file__).parents[3] / "src/xaccel"
READER = SOURCE / "http_client/s3_xml.py"
ERROR = b"<Error><Code>NoSuchKey</Code><Message>It is not &lt;here&gt;.</Message></Error>"
IN_NAMESPACE = ERROR.replace(b"<Error>", b"<Error xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>")


def test_names_are_read_with_a_prefix_and_only_at_their_level() -> None:
    body = (
        b"<s:Result xmlns:s='x'><s:Contents><Owner><Key>other</Key></Owner><Key>a&amp;b</Key></s:Contents>"
        b"<IsTruncated>true</IsTruncated></s:Result>"
    )
    entries = [{"Key": "a&b", "Owner": ""}]
    assert read_document(body, "Contents") == Document("Result", {"IsTruncated": "true"}, entries)


@pytest.mark.parametrize("encoding", ["nope", "idna", "utf-32", "big5", "rot13"])
def test_a_document_does_not_choose_a_codec(encoding: str) -> None:
    body = f"<?xml version='1.0' encoding='{encoding}'?><Error><Code>Ä</Code></Error>".encode()
    assert read_document(body).texts == {"Code": "Ä"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!DOCTYPE r [<!ENTITY a 'aaaa'>]><r>&a;</r>", "it has a DOCTYPE"),
        (b"<a>" * 17 + b"</a>" * 17, "it has more than 16 levels"),
        (b"<a>" + b" " * MAX_RESPONSE_BYTES + b"</a>", "it has more than 4194304 bytes"),
        (b"<Error><Code>NoSuchKey</Code>", "it is no XML, or has no end"),
        (b"<a>\x1b[31m</a>", "it is no XML, or has no end"),
        (b"<a>\xff</a>", "it is no XML, or has no end"),
        (b"", "it is no XML, or has no end"),
        (b"<a/><Error/>", "it is no XML, or has no end"),
    ],
    ids=["DOCTYPE", "deep", "long", "cut", "escape", "no UTF-8", "empty", "two documents"],
)
def test_what_s3_does_not_write_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(BadXml, match=why):
        read_document(body)
    assert error_of(body) is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (ERROR, S3Error("NoSuchKey", "It is not <here>.")),
        (b"  \r\n<?xml version='1.0'?>\n  " + ERROR, S3Error("NoSuchKey", "It is not <here>.")),
        (IN_NAMESPACE, S3Error("NoSuchKey", "It is not <here>.")),
        (b"<Error><Code>KMS.DisabledException</Code></Error>", S3Error("KMS.DisabledException", "")),
        (b"<Error/>", S3Error("", "")),
        (b"<Error><Code>Red\xe2\x80\xaetxt</Code></Error>", S3Error("", "")),
        (b"<Error><Code>two words</Code></Error>", S3Error("", "")),
        (b"<Error><Code>a\nforged: line</Code></Error>", S3Error("", "")),
        (b"<Error><Code>" + b"a" * 61 + b"</Code></Error>", S3Error("", "")),
        (b"<Result>" + ERROR + b"</Result>", None),
        (b"<!-- " + ERROR + b" --><CopyObjectResult/>", None),
        (b"a file with " + ERROR, None),
    ],
)
def test_an_error_is_the_whole_response_and_its_code_is_a_word(body: bytes, error: S3Error | None) -> None:
    assert error_of(body) == error


def test_one_file_reads_xml() -> None:
    """No regular expression and no search for a tag: those find a tag in a text or in a comment too."""
    others = [path for path in SOURCE.rglob("*.py") if path != READER]
    tags = [
        f"{path.name}:{node.lineno}"
        for path in others
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call | ast.Compare)
        for node in ast.iter_child_nodes(call)
        if isinstance(node, ast.Constant) and is_tag_of_s3(node.value)
    ]
    assert tags == []


def is_tag_of_s3(value: object) -> bool:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return re.search(r"<\(?[A-Z][A-Za-z|]+\)?>", text) is not None
