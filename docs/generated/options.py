"""The options page: each field of Options."""

from __future__ import annotations

import dataclasses

from docs.generated.docstrings import default_of, field_texts
from xaccel.options import Options

EXAMPLES = {
    "as_attachment": "as_attachment=True",
    "filename": 'filename="Résumé 2026.pdf"',
    "content_type": 'content_type="application/pdf"',
    "cache_control": 'cache_control="private, max-age=600"',
    "allow_shared_cache": 'cache_control="public, max-age=3600", allow_shared_cache=True',
    "etag": "etag=document.sha256",
    "last_modified": "last_modified=document.changed_at",
    "size": "size=document.size",
    "limit_rate": "limit_rate=2_000_000",
    "limit_rate_after": "limit_rate_after=5_000_000",
    "concurrency": 'concurrency="guests"',
    "concurrency_key": 'concurrency_key=f"team-{request.user.team_id}"',
    "cache_version": "cache_version=document.sha256",
    "version_id": "version_id=document.version_id",
    "subject": "subject=str(request.user.pk)",
    "content_security_policy": "content_security_policy=\"default-src 'none'; sandbox\"",
    "headers": 'headers={"X-Robots-Tag": "noindex"}',
}


def options() -> str:
    """Return one section for each option."""
    texts = {
        "allow_shared_cache": "Allow a `cache_control` that lets shared caches store.",
        **field_texts(Options),
    }
    sections = []
    for field in dataclasses.fields(Options):
        text = texts[field.name][0].upper() + texts[field.name][1:]
        sections.append(
            f"### `{field.name}`\n\n{text}\n\n"
            f"Type `{field.type}`, default {default_of(field)}. Example: `{EXAMPLES[field.name]}`\n"
        )
    return "\n".join(sections)
