"""Attachments of tickets, sent by NGINX to users who may open the ticket."""

from functools import cached_property
from typing import Any

from helpdesk.models import FollowUpAttachment, KBIAttachment
from helpdesk.user import HelpdeskUser

from xaccel.django import MediaView, find_row
from xaccel.options import SendOptions


class Attachments(MediaView):
    """Checks what django-helpdesk checks for the page of the ticket, or of the article in the knowledge base."""

    as_attachment = True

    @cached_property
    def attachment(self) -> Any:
        """The row of the file; None for a file of nobody."""
        name = self.object.name
        return find_row(FollowUpAttachment.objects.all(), name) or find_row(KBIAttachment.objects.all(), name)

    def permission(self, request: Any, name: str) -> bool:
        """Ask django-helpdesk."""
        user, attachment = HelpdeskUser(request.user), self.attachment
        if isinstance(attachment, KBIAttachment):
            return user.can_access_kbcategory(attachment.kbitem.category)
        return attachment is not None and user.can_access_ticket(attachment.followup.ticket)

    def get_options(self) -> SendOptions:
        """Give the file the name that it was uploaded with."""
        row = self.attachment
        return {
            **super().get_options(),
            "filename": row.filename,
            "content_type": row.mime_type,
            "size": row.size,
        }
