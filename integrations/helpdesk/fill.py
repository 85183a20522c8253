"""Fill the helpdesk: a ticket with an attachment, an agent of its queue, and an agent of another one."""

import json
import sys
from pathlib import Path

import django

django.setup()

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files import File
from django.utils.encoding import iri_to_uri
from helpdesk.models import FollowUp, FollowUpAttachment, Queue, Ticket

from integrations.django_project import cookie, migrate

FILENAME = "Résumé 2026 – Übersicht 日本.pdf"

migrate()
users, agents = get_user_model().objects, {}
for name in ("owner", "stranger"):
    queue = Queue.objects.create(title=name, slug=name)
    agents[name] = users.create_user(name, is_staff=True)
    codename = queue.permission_name.removeprefix("helpdesk.")
    agents[name].user_permissions.add(Permission.objects.get(codename=codename))
ticket = Ticket.objects.create(title="Private", queue=Queue.objects.get(slug="owner"))
comment = FollowUp.objects.create(ticket=ticket, title="With a file", comment="Here it is.", public=True)
source = Path(sys.argv[1])
with source.open("rb") as content:
    attachment = FollowUpAttachment.objects.create(
        followup=comment,
        file=File(content, name=FILENAME),
        filename=FILENAME,
        mime_type="application/pdf",
        size=source.stat().st_size,
    )
print(
    json.dumps(
        {
            "path": iri_to_uri(attachment.file.url),
            "filename": FILENAME,
            "owner": cookie(agents["owner"]),
            "stranger": cookie(agents["stranger"]),
            "page": "/helpdesk/tickets/",
            "pages": [f"/helpdesk/tickets/{ticket.pk}/"],
        }
    )
)
