"""The form by which an administrator adds a file."""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from portal.files.content_kind import type_of
from portal.files.models import File

MOST_BYTES = 100 * 1024 * 1024
"""Django and NGINX keep an upload in temporary files, so it is bounded. NGINX's `client_max_body_size` allows a little
more: the other fields of the form."""


class UploadForm(forms.ModelForm):  # type: ignore[type-arg]
    """A file from the administrator's computer. The portal finds size, type, SHA-256 and CRC-32 itself."""

    content = forms.FileField(label="File", help_text=f"At most {filesizeformat(MOST_BYTES)}.")
    name = forms.CharField(
        max_length=255,
        required=False,
        help_text="Shown to users; also the name of the saved file. Default: its name now.",
    )

    class Meta:
        model = File
        fields = ("content", "name", "folder")

    def clean_content(self) -> UploadedFile[Any]:
        content: UploadedFile[Any] = self.cleaned_data["content"]
        if (content.size or 0) > MOST_BYTES:
            raise ValidationError(f"This file has {filesizeformat(content.size or 0)}.")
        return content

    def clean(self) -> dict[str, Any] | None:
        """Set all that the model needs; the type is the name's, not what the browser says."""
        cleaned = super().clean()
        content: UploadedFile[Any] | None = self.cleaned_data.get("content")
        if content is not None:
            digest, crc32 = sha256(), 0
            for block in content.chunks():
                digest.update(block)
                crc32 = zlib.crc32(block, crc32)
            content.seek(0)
            self.instance.crc32 = crc32
            name = self.cleaned_data["name"] = self.cleaned_data.get("name") or content.name or ""
            self.instance.key = f"uploads/{self.instance.pk}"
            self.instance.size, self.instance.sha256 = content.size or 0, digest.hexdigest()
            self.instance.content_type = type_of(name)
        return cleaned
