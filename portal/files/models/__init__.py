"""The tables of the portal."""

from portal.files.models.file import File
from portal.files.models.grant import Grant

__all__ = ["File", "Grant"]
