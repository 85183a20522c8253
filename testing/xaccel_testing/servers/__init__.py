"""Start real servers: NGINX, S3, the app."""

from __future__ import annotations

from xaccel.errors import XaccelError


class ServerFailed(XaccelError):
    """A server of the stack did not start. The message ends with the last lines of its log."""


class ServerMissing(XaccelError):
    """A server of the stack is not installed here."""
