from __future__ import annotations

import re

import pytest

from xaccel.handoff.headers import BY_TYPE, SANDBOX, default_policy

SANDBOXED = r"""
    text/html image/svg+xml text/plain video/ video application/pdfx application/pdf+xml x-application/pdf
    text/video/mp4 video/mp4,text/html video/mp4;,text/html application/pdf,image/svg+xml
    application/pdf;,application/xhtml+xml video/mp4;a="\"",text/html;b=" video/mp4;a='"',text/html;b="'
    video/mp4;a="x video/x+xml audio/mathml+xml
"""
WITH_SPACES = [
    "", "TEXT/HTML; charset=utf-8", " video/mp4", "text/html; x=video/mp4", "text/html; x=application/pdf",
    "audio/x, text/html", "video/mp4 text/html", "application/pdf text/html", "video/mp\u017f",
]  # fmt: skip


@pytest.mark.parametrize("content_type", [*SANDBOXED.split(), *WITH_SPACES])
def test_whatever_is_no_media_and_no_pdf_is_sandboxed(content_type: str) -> None:
    assert default_policy(content_type) == SANDBOX
    assert "sandbox" in SANDBOX
    assert "script-src" not in SANDBOX
    assert "default-src 'none'" in SANDBOX


MEDIA = ["audio/mpeg", "video/mp4", "VIDEO/MP4", "video/webm; codecs=vp9", "video/mp4 ;a=b"]
MEDIA += ['video/mp4; codecs="avc1.42E01E, mp4a.40.2"']
PDF = ["application/pdf", "Application/PDF", "application/pdf; version=1.7"]


@pytest.mark.parametrize(
    ("content_type", "allowed"),
    [*((media, "media-src 'self'") for media in MEDIA), *((pdf, "object-src 'self'") for pdf in PDF)],
)
def test_media_may_play_and_pdf_may_open_its_viewer_without_scripts(content_type: str, allowed: str) -> None:
    policy = default_policy(content_type)
    assert allowed in policy
    assert "sandbox" not in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("policy", [SANDBOX, *(policy for _, policy in BY_TYPE)])
def test_each_policy_can_be_a_header_and_lets_nothing_else_load(policy: str) -> None:
    assert re.fullmatch("[!-~](?:[ -~]*[!-~])?", policy)
    assert "$" not in policy
    assert "; form-action 'none'; base-uri 'none'" in policy
    assert not {"*", "http:", "https:", "'unsafe-eval'"} & set(re.split("[ ;]+", policy))
