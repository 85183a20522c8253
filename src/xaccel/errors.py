"""Every error xaccel raises, as a tree with the root XaccelError.

Each one says what is wrong, where (a settings path or an argument) and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class XaccelError(Exception):
    """Root of all errors of xaccel.

    `what` is one clause without a final stop, `where` a settings path such as
    `XACCEL["ORIGINS"]["documents"]` or the name of an argument, `remedy` one or more whole sentences.
    """

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle call a class with `args`, which keyword-only arguments do not take."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class ConfigError(XaccelError):
    """One problem of a configuration."""


class ConfigErrors(XaccelError):
    """All problems of a configuration together, in `problems`."""

    def __init__(self, problems: Iterable[ConfigError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            f"{len(self.problems)} problem(s) in the configuration",
            where=first.where,
            remedy="Fix each problem below.",
        )

    def __str__(self) -> str:
        return "\n".join([f"{self.what}:", *(f"  {problem}" for problem in self.problems)])


class InputRefused(XaccelError, ValueError):
    """A value that came with one download cannot be sent. Nothing was sent."""


class KeyRefused(InputRefused):
    """An object key that its origin cannot hold."""


class FileNameRefused(InputRefused):
    """A file name that is not valid in Content-Disposition."""


class HeaderRefused(InputRefused):
    """A header name that the site does not declare, or a value that cannot be sent."""


class OptionRefused(InputRefused):
    """An option of a download with an invalid value."""


class OriginUnknown(InputRefused):
    """An origin that the site does not have."""


class OriginNotAllowed(InputRefused):
    """A URL or a storage outside all origins of the site."""


class ArchiveRefused(InputRefused):
    """Files that cannot be sent as one archive; `members` has the names of the wrong ones."""

    members: tuple[str, ...] = ()


class UploadFailed(InputRefused):
    """A file that the storage did not accept. status: for the client. upload: the `Upload`."""

    status: int = 503
    upload: Any = None


class CredentialsUnavailable(XaccelError):
    """Nothing to sign with: botocore found no credentials, or could not refresh them."""


class RevocationFailed(XaccelError):
    """An NGINX did not confirm a revocation of grants. The message says if it is repeated, or its grants have ended."""


class NginxError(XaccelError):
    """NGINX could not run, or refused a configuration."""
