"""Fill the project: a private file and an image, a user who owns them and one who may not have them."""

import io
import json
import sys
from pathlib import Path

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.files import File as Content
from django.utils.encoding import iri_to_uri
from filer.models import File, Image
from PIL import Image as Picture

from integrations.django_project import cookie, migrate

FILENAME = "Résumé 2026 – Übersicht 日本.zip"

migrate()
users = get_user_model().objects
owner, stranger = users.create_superuser("owner"), users.create_user("stranger", is_staff=True)
with Path(sys.argv[1]).open("rb") as content:
    file = File.objects.create(
        original_filename=FILENAME, is_public=False, owner=owner, file=Content(content, name=FILENAME)
    )
picture = io.BytesIO()
Picture.new("RGB", (800, 600), "navy").save(picture, "PNG")
image = Image.objects.create(
    original_filename="Übersicht.png",
    is_public=False,
    owner=owner,
    file=Content(picture, name="Übersicht.png"),
)
print(
    json.dumps(
        {
            "path": iri_to_uri(file.url),
            "filename": FILENAME,
            "owner": cookie(owner),
            "stranger": cookie(stranger),
            "page": "/admin/",
            "pages": [f"/admin/filer/file/{file.pk}/change/", f"/admin/filer/image/{image.pk}/change/"],
            "images": [iri_to_uri(image.url), iri_to_uri(image.icons["64"])],
        }
    )
)
