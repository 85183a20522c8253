"""django-helpdesk: attachments of tickets, whose links are addresses of the storage."""
