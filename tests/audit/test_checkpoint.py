"""A checkpoint that a third party keeps: a signed note that other programs read, and that exposes a rewritten trail."""

from __future__ import annotations

import subprocess
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.management import CommandError

from tests.audit.chain import _chained, filled, newest, tidy  # noqa: F401
from tests.audit.conftest import Log, decide, run
from xaccel.audit.models import Seal, Transfer
from xaccel.audit.retention import forget

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
NAME = "files.example.org/audit"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A key as an operator makes it, and its public key."""
    key, public = tmp_path / "checkpoint.pem", tmp_path / "checkpoint.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    return key, public


@pytest.fixture
def note(keys: tuple[Path, Path], tmp_path: Path, filled: Any) -> Path:  # noqa: F811
    path = tmp_path / "checkpoint.txt"
    path.write_text(run("checkpoint", f"--key={keys[0]}", f"--name={NAME}"))
    return path


def verify(note: Path, key: Path) -> str:
    return run("verify", f"--checkpoint={note}", f"--key={key}")


def test_a_note_has_the_form_of_transparency_logs(note: Path, keys: tuple[Path, Path]) -> None:
    """https://c2sp.org/signed-note, read with nothing of xaccel's."""
    number, chain = newest()
    text, _, signature = note.read_text().partition("\n\n")
    name, size, digest = text.split("\n")
    assert (name, int(size), b64decode(digest).hex()) == (NAME, number, chain)
    dash, signer, encoded = signature.split()
    assert (dash, signer) == ("\u2014", NAME)
    public: Any = load_pem_public_key(keys[1].read_bytes())
    public.verify(b64decode(encoded)[4:], f"{text}\n".encode())
    key_id = sha256(NAME.encode() + b"\n\x01" + public.public_bytes_raw()).digest()[:4]
    assert b64decode(encoded)[:4] == key_id


def test_a_checkpoint_exposes_a_trail_that_was_rewritten_as_a_whole(
    note: Path, keys: tuple[Path, Path]
) -> None:
    assert verify(note, keys[1]).startswith("7 transfers are sealed")
    Transfer.objects.filter(outcome="denied").delete()
    Transfer.objects.filter(outcome="unknown").update(key="other.pdf")
    Seal.objects.all().delete()
    Transfer.objects.filter(batch__gt=0).update(batch=0)
    tidy()
    assert run("verify").startswith("6 transfers are sealed")
    with pytest.raises(CommandError, match="the checkpoint's seal is not in the chain"):
        verify(note, keys[1])


def test_it_holds_while_the_trail_grows_and_is_pruned(note: Path, keys: tuple[Path, Path]) -> None:
    decide(Log(note).line(), outcome="denied", batch=0)
    tidy()
    forget("1", using="default")
    run("prune", "--older-than", "1d")
    assert verify(note, keys[1]).startswith("8 transfers are sealed")


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 90])
def test_a_signature_that_was_cut_is_refused(note: Path, keys: tuple[Path, Path], cut: int) -> None:
    note.write_text(note.read_text().rstrip("\n")[:-cut] + "\n")
    with pytest.raises(CommandError, match="did not sign this checkpoint"):
        verify(note, keys[1])


def test_signatures_of_witnesses_are_ignored(note: Path, keys: tuple[Path, Path]) -> None:
    note.write_text(note.read_text() + "\u2014 witness.example AAAAAAAA\n")
    assert verify(note, keys[1])


@pytest.mark.parametrize(
    ("old", "new"), [("audit\n", "other\n"), ("\n1\n", "\n2\n"), ("\n\n", "\n"), ("=\n", "=\n\n")]
)
def test_a_note_that_was_changed_is_refused(note: Path, keys: tuple[Path, Path], old: str, new: str) -> None:
    note.write_text(note.read_text().replace(old, new, 1))
    with pytest.raises(CommandError, match="did not sign this checkpoint"):
        verify(note, keys[1])


@pytest.mark.usefixtures("filled")
def test_what_cannot_be_signed_is_told(keys: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"has no private Ed25519 key\. Make one with `openssl"):
        run("checkpoint", f"--key={keys[1]}", f"--name={NAME}")
    with pytest.raises(CommandError, match="No such file"):
        run("checkpoint", f"--key={tmp_path / 'none'}", f"--name={NAME}")
    with pytest.raises(CommandError, match="a space"):
        run("checkpoint", f"--key={keys[0]}", "--name=my trail")


@pytest.mark.parametrize("option", ["--checkpoint=none", "--key=none"])
def test_a_checkpoint_needs_its_key(option: str) -> None:
    with pytest.raises(CommandError, match="Give --checkpoint and --key together"):
        run("verify", option)


def test_without_a_seal_there_is_no_checkpoint(keys: tuple[Path, Path]) -> None:
    with pytest.raises(CommandError, match="nothing is sealed yet"):
        run("checkpoint", f"--key={keys[0]}", f"--name={NAME}")
