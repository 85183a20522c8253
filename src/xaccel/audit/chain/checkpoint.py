"""`manage.py xaccel checkpoint`: sign the newest seal as a note (https://c2sp.org/signed-note) for somebody to keep."""

from __future__ import annotations

import argparse
import re
from base64 import b64decode, b64encode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import router

from xaccel.audit.models import Seal
from xaccel.commands.command import make_command
from xaccel.commands.printing import print_data
from xaccel.errors import InputRefused, XaccelError

_NOTE = re.compile(r"(([^\s+]+)\n([0-9]{1,18})\n([A-Za-z0-9+/]{43}=)\n)\n((?:— [^\s+]+ \S+\n)+)")
_MADE = "Make one with `openssl genpkey -algorithm ed25519`, and its public key with `openssl pkey -pubout`."


def _print_checkpoint(args: argparse.Namespace, _: object) -> None:
    newest = Seal.objects.using(router.db_for_read(Seal)).order_by("-number").first()
    if newest is None:
        raise XaccelError("nothing is sealed yet", where="checkpoint", remedy="Set CHAIN and run `ingest`.")
    key = _load(args.key, "private")
    text = f"{args.name}\n{newest.number}\n{b64encode(bytes.fromhex(newest.chain)).decode()}\n"
    signature = _key_id(args.name, key.public_key()) + key.sign(text.encode())
    note = f"{text}\n— {args.name} {b64encode(signature).decode()}\n"
    if not _NOTE.fullmatch(note):
        raise InputRefused("it has a space or a +", where="--name", remedy="Give a host and a path.")
    print_data([note])


def read_note(note: Path, key: Path) -> tuple[int, str]:
    """Return number and digest of the seal that a note is about. Signatures of other signers are ignored.

    Raises InputRefused for a note that `key` did not sign, XaccelError without `cryptography`.
    """
    public = _load(key, "public")
    from cryptography.exceptions import InvalidSignature

    if found := _NOTE.fullmatch(note.read_text("utf-8", "replace")):
        text, name, number, digest, signatures = found.groups()
        for signer, encoded in re.findall(r"— (\S+) (\S+)\n", signatures):
            with suppress(ValueError, InvalidSignature):
                signature = b64decode(encoded, validate=True)
                public.verify(signature[4:], text.encode())
                if (signer, signature[:4]) == (name, _key_id(name, public)):
                    return int(number), b64decode(digest).hex()
    what = "this key did not sign this checkpoint, or the file was changed"
    raise InputRefused(what, where=str(note), remedy="Give it unchanged.")


def _key_id(name: str, public: Any) -> bytes:
    return sha256(f"{name}\n\x01".encode() + public.public_bytes_raw()).digest()[:4]


def _load(path: Path, kind: str) -> Any:
    try:
        from cryptography.hazmat.primitives import serialization as pem
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        remedy = "Run `pip install cryptography`, or install xaccel with its extra `checkpoint`."
        raise XaccelError("cryptography is not installed", where="checkpoint", remedy=remedy) from error
    text, key = path.read_bytes(), None
    with suppress(ValueError, TypeError):
        key = pem.load_pem_public_key(text) if kind == "public" else pem.load_pem_private_key(text, None)
    if not isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        raise InputRefused(f"it has no {kind} Ed25519 key", where=str(path), remedy=_MADE)
    return key


CHECKPOINT = make_command("checkpoint", types={"--key": Path}, run=_print_checkpoint)
