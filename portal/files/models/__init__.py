"""What the portal stores."""

from portal.files.models.decision import Decision
from portal.files.models.file import File
from portal.files.models.grant import Grant

__all__ = ["Decision", "File", "Grant"]
