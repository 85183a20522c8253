"""Check a file when it is registered, by the rules of send_file."""

from __future__ import annotations

from typing import Unpack

from xaccel.django.conf import configuration
from xaccel.options import Options, SendOptions


def check_file(
    key: str, *, origin: str | None = None, bucket: str | None = None, **options: Unpack[SendOptions]
) -> None:
    """Check that `send_file` will accept an object key and options, for example before you store them.

    Call it in the `clean` method of a model or a form, with the arguments of the later `send_file`. It makes no
    request and needs no credentials. It does not check that the object exists.

    Raises InputRefused (KeyRefused, FileNameRefused, OriginUnknown, …), with the error that `send_file` would raise.
    """
    sender = configuration().sender
    sender.check(sender.refer(key, origin=origin, bucket=bucket), Options(**options))
