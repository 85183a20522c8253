"""The extra checkpoint: a seal is signed, and the trail is verified against the note."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from uuid import uuid4

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management import call_command

settings.configure(
    SECRET_KEY="only for this test",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "xaccel.django", "xaccel.audit"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "sealed.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    XACCEL={"ORIGINS": {"partner": {"type": "http", "base_url": "http://192.0.2.1/"}}},
    XACCEL_AUDIT={"CHAIN": True},
)
django.setup()

from xaccel.audit.models import Transfer

Path("sealed.sqlite3").unlink(missing_ok=True)
call_command("migrate", verbosity=0)
Transfer.objects.create(
    id=uuid4(), outcome="denied", decided_at=datetime.now(UTC), as_attachment=True, batch=0
)
Path("empty.log").touch()
call_command("xaccel", "ingest", "empty.log", stdout=StringIO())

key = Ed25519PrivateKey.generate()
pem, public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
Path("key.pem").write_bytes(
    key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
)
Path("key.pub").write_bytes(key.public_key().public_bytes(pem, public))
note, said = StringIO(), StringIO()
call_command("xaccel", "checkpoint", "--key=key.pem", "--name=example.org", stdout=note)
Path("note.txt").write_text(note.getvalue(), encoding="utf-8")
call_command("xaccel", "verify", "--checkpoint=note.txt", "--key=key.pub", stdout=said)
assert said.getvalue().startswith("1 transfers are sealed"), said.getvalue()
