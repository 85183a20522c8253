"""The errors page: the tree, and for each error what it says, from a call that really raised it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import xaccel.errors
from docs.generated.docstrings import prose
from xaccel import HTTPOrigin, ObjectRef, S3Origin, Sender, Site
from xaccel.errors import ConfigErrors, XaccelError
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember
from xaccel.features.uploads.decide import Upload
from xaccel.features.uploads.receive import received
from xaccel.handoff.disposition import safe_name
from xaccel.handoff.headers import cache_control, require_header_value
from xaccel.site import read_mapping
from xaccel.site.keys import nginx_token, seal
from xaccel.site.protocol import UPLOAD_DONE, UPLOAD_TOKEN_HEADER
from xaccel.tools.nginx.emit import quote
from xaccel.urls import quote_key

_SITE = Site(
    origins={
        "documents": S3Origin(bucket="acme-documents", region="eu-central-1"),
        "partner": HTTPOrigin(base_url="https://files.partner.example/"),
    },
    secrets=("s" * 32,),
)


def tree() -> str:
    """Return the classes as a tree, each with the first line of its docstring."""
    return "\n".join(["```text", "XaccelError", *_branches(XaccelError, ""), "```"]) + "\n"


def _branches(kind: type[XaccelError], before: str) -> Iterator[str]:
    below = [each for each in kinds() if kind in each.__bases__]
    for each in below:
        mark, stem = ("└──", "    ") if each is below[-1] else ("├──", "│   ")
        yield f"{f'{before}{mark} {each.__name__}':28}{prose(each)[0].split('. ')[0].rstrip('.')}"
        yield from _branches(each, before + stem)


def kinds() -> list[type[XaccelError]]:
    """Return every error of xaccel.errors, in the order of the module."""
    return [
        kind
        for kind in vars(xaccel.errors).values()
        if isinstance(kind, type) and issubclass(kind, XaccelError)
    ]


def sections() -> str:
    """Return one section for each error."""
    parts = []
    for kind in kinds():
        said = _said(kind)
        example = f"\n```text\n{said}\n```\n" if said else ""
        parts.append(f"### `{kind.__name__}`\n\n" + "\n\n".join(prose(kind)) + f"\n{example}")
    return "\n".join(parts)


def _said(kind: type[XaccelError]) -> str:
    call = _CALLS.get(kind.__name__)
    if call is None:
        return ""
    try:
        call()
    except kind as error:
        if type(error) is kind:
            return str(error)
    raise AssertionError(f"the example for {kind.__name__} does not raise it")


def _one_problem() -> None:
    try:
        read_mapping.read({"SECRET": "short", "ORIGINS": {"disk": _DISK}})
    except ConfigErrors as errors:
        raise errors.problems[0] from None


@contextmanager
def _no_credentials() -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with patch.dict(os.environ, {**kept, **nowhere, "AWS_EC2_METADATA_DISABLED": "true"}, clear=True):
        yield


def _unsigned() -> None:
    with _no_credentials():
        Sender(_SITE).hand_off(ObjectRef("documents", "report.pdf"))


def _not_stored() -> None:
    upload = Upload("019aae21-…", "documents", "", "uploads/1", 5, "text/plain", "", "7")
    token, ticket = nginx_token("s" * 32, UPLOAD_DONE), seal(_SITE, upload)
    headers = {UPLOAD_TOKEN_HEADER.lower(): token, "xaccel-upload": ticket, "xaccel-storage-status": "400"}
    received(_SITE, headers)


_DISK = {"type": "local", "root": "/srv/files"}
_CALLS: dict[str, Callable[[], object]] = {
    "ConfigErrors": lambda: read_mapping.read({"ORIGIN": {}, "SECRET": "short", "CONCURRENCY": 0}),
    "ConfigError": _one_problem,
    "KeyRefused": lambda: quote_key("reports/../../secret", dots=False),
    "FileNameRefused": lambda: safe_name("report\r\n.pdf"),
    "HeaderRefused": lambda: require_header_value("noindex\r\nSet-Cookie: a=b", "headers['X-Robots-Tag']"),
    "OptionRefused": lambda: cache_control("public, max-age=3600", allow_shared_cache=False),
    "OriginUnknown": lambda: Sender(_SITE).hand_off(ObjectRef("archive", "report.pdf")),
    "OriginNotAllowed": lambda: Sender(_SITE).places.origin_of_url("https://elsewhere.example/report.pdf"),
    "ArchiveRefused": lambda: Layout.of([ZipMember(ObjectRef("documents", "report.pdf"), size=5, etag="e1")]),
    "UploadFailed": _not_stored,
    "CredentialsUnavailable": _unsigned,
    "NginxError": lambda: quote("$uri"),
}
