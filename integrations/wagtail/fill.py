"""Fill the site: a private collection with a document, a user who may have it and one who may not."""

import io
import json
import sys
from pathlib import Path

import django

django.setup()

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files import File
from django.utils.encoding import iri_to_uri
from PIL import Image as Picture
from wagtail.documents import get_document_model
from wagtail.images import get_image_model
from wagtail.models import Collection, CollectionViewRestriction

from integrations.django_project import cookie, migrate

FILENAME = "Résumé 2026 – Übersicht 日本.zip"

migrate()
readers = Group.objects.create(name="Readers")
users = get_user_model().objects
owner, stranger = users.create_user("owner"), users.create_user("stranger")
owner.groups.add(readers, Group.objects.get(name="Editors"))

private = Collection.get_first_root_node().add_child(name="Private")
CollectionViewRestriction.objects.create(collection=private, restriction_type="groups").groups.add(readers)

source = Path(sys.argv[1])
document = get_document_model()(title="Private", collection=private, file_size=source.stat().st_size)
with source.open("rb") as content:
    document.file.save(FILENAME, File(content), save=False)
document._set_file_hash()
document.save()

picture = io.BytesIO()
Picture.new("RGB", (800, 600), "navy").save(picture, "PNG")
image = get_image_model().objects.create(
    title="Private", collection=private, file=File(picture, name="Übersicht.png")
)
print(
    json.dumps(
        {
            "path": iri_to_uri(document.url),
            "filename": document.filename,
            "owner": cookie(owner),
            "stranger": cookie(stranger),
            "page": "/",
            "pages": ["/admin/documents/", f"/admin/documents/edit/{document.pk}/", "/admin/images/"],
            "images": [iri_to_uri(image.file.url), iri_to_uri(image.get_rendition("fill-100x100").url)],
        }
    )
)
