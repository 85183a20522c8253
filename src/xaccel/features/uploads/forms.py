"""Receive a file from a plain HTML form, without JavaScript: by a policy of S3, which is in its hidden fields.

A policy cannot say that an object must not be there: if the fields are sent again, to any address, S3 replaces the
object. So each form has a key for itself. At the end S3 copies that object to the key of the upload, which no policy
names.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

from xaccel.errors import OptionRefused
from xaccel.features.uploads.decide import CRC32, LARGEST, Refusal, Upload, UploadArguments, decide, size_of
from xaccel.features.uploads.look import copy_source, delete, request, require
from xaccel.features.uploads.receive import FAILED, end_of, failed, locate, open_gate
from xaccel.handoff.headers import Answer
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.keys import seal, unseal
from xaccel.site.origins import S3Origin
from xaccel.site.protocol import UPLOAD_FORM

LIFE_S = 3600
"""Seconds after which a form is too old."""
FOLDER = "xaccel-forms"
"""The folder of the keys of forms. Only those of forms that were sent and not finished are left there."""

_MOST_AROUND = 64 << 10
"""Bytes of the hidden fields, which are part of the length that the browser announces."""
_TYPE = re.compile(r"multipart/form-data; *boundary=[\x21\x23-\x7e]{1,70}")
_OLD = Refusal(403, "the form is too old, or another user's: load its page again")
_OTHER_TYPE = Refusal(415, "the form is for files of another type: load its page again")
_OTHER = Refusal(422, "the form stored no file: load its page again")


class Html(str):
    """HTML that the templates of Django and Jinja2 do not escape."""

    def __html__(self) -> str:
        """Return itself."""
        return self


class Form(NamedTuple):
    """A form for one file. action: its address, for `method="post" enctype="multipart/form-data"`.

    fields: the hidden ones, by name. The field of the file is called "file", and comes last.
    """

    action: str
    fields: dict[str, str]

    @property
    def hidden(self) -> Html:
        """The hidden fields."""
        pairs = ((escape(name), escape(value)) for name, value in self.fields.items())
        return Html("".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in pairs))


class Address(NamedTuple):
    """The sealed values of a form's address.

    key: of the form's object. content_type: of the object. most: bytes of a file. until: in seconds since the epoch.
    bound: what the app compares when the form is sent, such as a digest of the cookie against cross-site requests.
    """

    origin: str
    bucket: str
    key: str
    content_type: str
    most: int
    until: int
    subject: str
    bound: str


class FormTicket(NamedTuple):
    """The ticket of a form. upload: a sealed `Upload`. key: of the form's object."""

    upload: str
    key: str


class SentForm(NamedTuple):
    """A form that a browser sends. address: None if it was altered. content_type: the header, with the boundary."""

    address: Address | None
    content_type: str

    def decide(
        self, site: Site, origin: str, headers: Mapping[str, str], arguments: UploadArguments
    ) -> Upload | Refusal:
        """Return the upload that the form may be, or why it is refused. Its size is that of the whole form."""
        address, asked = self.address, (origin, arguments.get("bucket") or "", arguments.get("subject", ""))
        is_known = address and asked == (address.origin, address.bucket, address.subject)
        if address is None or not is_known or address.until < time.time():
            return _OLD
        if not _TYPE.fullmatch(self.content_type):
            return Refusal(415, "send a form with enctype multipart/form-data")
        given = {name.lower(): value for name, value in headers.items()}
        given |= {"content-type": address.content_type, CRC32: ""}
        whole = UploadArguments(**arguments)
        whole |= {"max_size": address.most + _MOST_AROUND, "checksum": "optional"}
        found = decide(site, origin, given, whole)
        is_other = isinstance(found, Upload) and found.content_type != address.content_type
        return _OTHER_TYPE if is_other else found

    def accept(self, sender: Sender, upload: Upload) -> Answer:
        """Return the response that opens NGINX for the form, which goes to its bucket as it is."""
        endpoint = locate(sender, upload).place.endpoint
        assert endpoint is not None, "an S3 origin has an endpoint"
        assert self.address is not None, "decide refuses others"
        ticket = FormTicket(seal(sender.site, upload), self.address.key)
        shown = upload._replace(content_type=self.content_type)
        return open_gate(sender.site, shown, endpoint.base_url, ticket)


def make_form(sender: Sender, origin: str, action: str, arguments: UploadArguments, *, bound: str) -> Form:
    """Return a form that sends a file to `action`, a path of UPLOADS, for an hour.

    The object has the `content_type` of the arguments: the browser's is not known before the file comes. Raises
    OptionRefused, OriginNotAllowed, and CredentialsUnavailable.
    """
    known = {"xaccel-upload-length": "0", "content-type": arguments.get("content_type") or ""}
    found = decide(sender.site, origin, known, {**arguments, "checksum": "optional"})
    if isinstance(found, Refusal) or not isinstance(sender.site.origins[origin], S3Origin):
        what = found.message if isinstance(found, Refusal) else "only S3 takes files of forms"
        remedy = "Name an S3 origin, and a type that is accepted."
        raise OptionRefused(what, where="upload_form", remedy=remedy)
    most, until = min(size_of(arguments["max_size"]), LARGEST), int(time.time()) + LIFE_S
    form = found._replace(key=f"{FOLDER}/{secrets.token_hex(16)}")
    address = Address(origin, form.bucket, form.key, form.content_type, most, until, form.subject, bound)
    fields = {"Content-Type": form.content_type, "success_action_status": "201"}
    at = datetime.fromtimestamp(until, UTC)
    signed = sender.sign_form(locate(sender, form), fields, most_bytes=most, until=at)
    query = f"{UPLOAD_FORM}={seal(sender.site, address)}"
    return Form(f"{action}{'&' if '?' in action else '?'}{query}", signed)


def received(sender: Sender, headers: Mapping[str, str]) -> Upload | None:
    """Return the upload whose object is stored, if NGINX reports a form in this request.

    Its size and entity tag are those of the object. Raises UploadFailed, and as `xaccel.features.uploads.look.find`.
    """
    ended = end_of(sender.site, headers, FormTicket)
    upload = unseal(sender.site, Upload, ended[0].upload) if ended else None
    if ended is None or upload is None:
        return None
    ticket, status = ended
    if status != "201":
        raise failed(upload, _OTHER if status.startswith("4") else FAILED)
    return _copied(sender, upload, ticket.key)


def _copied(sender: Sender, upload: Upload, key: str) -> Upload:
    """Copy the object of a form to the key of its upload, and delete it.

    If the form is sent again meanwhile, the object is another one. It may be no larger than what is reserved, and S3
    copies only this version (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
    """
    from xaccel.http_client.s3_xml import read_document

    form = upload._replace(key=key)
    head = request(sender, form, "HEAD")
    size = int(head.header("Content-Length") or 0)
    if head.status == 404 or size > upload.size:
        raise failed(upload, _OTHER)
    require(head, form, 200)
    signed = (
        ("content-length", "0"),
        ("x-amz-copy-source", copy_source(locate(sender, form))),
        ("x-amz-copy-source-if-match", head.header("ETag")),
    )
    copied = request(sender, upload, "PUT", signed=signed)
    require(copied, upload, 200)
    etag = read_document(copied.body).texts.get("ETag")  # S3 may report an error with the status 200
    if not etag:
        raise failed(upload, FAILED)
    delete(sender, form)
    return upload._replace(size=size, etag=etag)
