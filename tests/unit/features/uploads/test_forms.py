"""A form's address and its policy say what the app decided, and nothing else is accepted."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections import namedtuple
from typing import Any

import pytest

from tests.unit.features.uploads.sites import ORIGINS, SECRET, UPLOADS
from xaccel import Sender
from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.features.uploads import forms
from xaccel.features.uploads.decide import Refusal, Upload
from xaccel.features.uploads.forms import Address, Form, FormTicket, SentForm, make_form
from xaccel.site import Site, read_mapping
from xaccel.site.keys import nginx_token, seal, unseal
from xaccel.site.protocol import UPLOAD_DONE, UPLOAD_TOKEN_HEADER

SITE = read_mapping.read(
    {
        "SECRET": SECRET,
        "ORIGINS": {"documents": {**ORIGINS["documents"], "prefix": "in/"}, "disk": ORIGINS["disk"]},
        "UPLOADS": {**UPLOADS, "origins": ["documents", "disk"]},
    }
)
SENDER = Sender(SITE)
KIND = "multipart/form-data; boundary=----x"
HEADERS = {"Xaccel-Upload-Length": "1000", "Content-Type": KIND}


def read_address(site: Site, text: str) -> Address | None:
    return unseal(site, Address, text)


def made(origin: str = "documents", action: str = "/files/7", **arguments: Any) -> Form:
    given = {"max_size": 500, "subject": "7", "content_type": "application/pdf", **arguments}
    return make_form(SENDER, origin, action, given, bound="b")  # type: ignore[arg-type]


def sent(form: Form, *, kind: str = KIND, headers: dict[str, str] | None = None, **arguments: Any) -> Any:
    address = read_address(SITE, form.action.rpartition("=")[2])
    given = {"max_size": 500, "subject": "7", **arguments}
    return SentForm(address, kind).decide(SITE, "documents", {**HEADERS, **(headers or {})}, given)  # type: ignore[arg-type]


def test_a_policy_names_one_key_below_the_prefix_one_type_and_the_largest_size() -> None:
    form = made()
    policy = json.loads(b64decode(form.fields["policy"]))["conditions"]
    [key] = [one["key"] for one in policy if "key" in one]
    assert (form.fields["key"], key.startswith("in/xaccel-forms/")) == (key, True)
    assert {"Content-Type": "application/pdf"} in policy
    assert made(content_type="Image/PNG").fields["Content-Type"] == "image/png"
    assert {"bucket": "acme"} in policy
    assert ["content-length-range", 0, 500] in policy
    assert made().fields["key"] != key


def test_a_sent_form_is_an_upload_of_another_key() -> None:
    form = made(action="/files/7?a=b")
    assert form.action.startswith("/files/7?a=b&xaccel_form=")
    upload = sent(form, content_type="Application/PDF")
    assert isinstance(upload, Upload)
    assert (upload.size, upload.content_type, upload.crc32) == (1000, "application/pdf", "")
    assert upload.key.startswith("uploads/")
    kind = SentForm(read_address(SITE, form.action.rpartition("=")[2]), KIND)
    answer = dict(kind.accept(SENDER, upload).headers)
    assert (answer["Xaccel-Url"], answer["Xaccel-Type"]) == ("http://127.0.0.1:9000/acme/", KIND)


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (403, {"subject": "8"}),
        (403, {"bucket": "other"}),
        (403, {"headers": {"Sec-Fetch-Site": "cross-site"}}),
        (411, {"headers": {"Xaccel-Upload-Length": ""}}),
        (413, {"headers": {"Xaccel-Upload-Length": "66037"}}),
        (415, {"kind": "multipart/form-data"}),
        (415, {"kind": "multipart/form-data; boundary=x\r\ny"}),
        (415, {"content_types": ["image/*"]}),
        (415, {"content_type": "text/plain"}),
    ],
)
def test_a_refused_form(status: int, changes: dict[str, Any]) -> None:
    found = sent(made(), **changes)
    assert isinstance(found, Refusal)
    assert found.status == status


def test_an_old_form_and_an_altered_address_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    form = made()
    assert read_address(SITE, f"x{form.action.rpartition('=')[2]}") is None
    assert read_address(SITE, seal(SITE, SentForm(None, KIND))) is None
    assert SentForm(None, KIND).decide(SITE, "documents", HEADERS, {"max_size": 1}).status == 403  # type: ignore[union-attr]
    now = time.time() + forms.LIFE_S + 1
    monkeypatch.setattr(forms.time, "time", lambda: now)
    assert sent(form).status == 403


def test_hidden_fields_are_escaped_and_templates_leave_them_as_they_are() -> None:
    hidden = Form("/a", {"x-amz": '"><script>'}).hidden
    assert hidden == '<input type="hidden" name="x-amz" value="&quot;&gt;&lt;script&gt;">'
    assert hidden.__html__() == hidden


@pytest.mark.parametrize(
    "arguments", [{"origin": "disk"}, {"content_type": "pdf"}, {"content_types": ["image/*"]}]
)
def test_a_form_that_cannot_be_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(OptionRefused):
        made(**arguments)


def test_a_form_for_an_origin_without_uploads_is_refused() -> None:
    with pytest.raises(OriginNotAllowed):
        made("other")


def test_the_end_of_a_form_of_another_version_is_not_taken() -> None:
    upload = namedtuple("Upload", Upload._fields[:-1])("1", "documents", "", "k", 5, "a/b", "", "7")
    told = {
        UPLOAD_TOKEN_HEADER.lower(): nginx_token(SECRET, UPLOAD_DONE),
        "xaccel-upload": seal(SITE, FormTicket(seal(SITE, upload), "xaccel-forms/k")),
        "xaccel-storage-status": "201",
    }
    assert forms.received(SENDER, told) is None
