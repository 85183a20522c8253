"""django-filer's private files and thumbnails."""

from __future__ import annotations

import pytest

from integrations.application import Running, Started, run
from integrations.table import TABLE, Row


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_private_file(row: Row, site: Running) -> None:
    text, is_right = row.see(site)
    assert is_right, text


TRAP = """
import django

django.setup()

from django.db.models import Q
from filer.models import File

one = File.objects.filter(is_public=False)[:1]
File.objects.filter(pk=one[0].pk).update(sha1="")
first, second = (File.objects.get(sha1="") for _ in range(2))
assert first is not second and first.sha1 and second.sha1, "filer has read the whole object for each"
for file in File.objects.filter(Q(sha1="") | Q(_file_size=None)):
    file.save()
assert not File.objects.filter(sha1="").exists()
"""


OTHER_CASE = """
import django

django.setup()

from django.http import Http404
from django.test import RequestFactory
from easy_thumbnails.files import ThumbnailFile
from filer.models import File
from xaccel.contrib.filer import NginxServer

row = File.objects.filter(is_public=False)[0]
row.mime_type = "image/png"


def status(source):
    thumbnail = ThumbnailFile(name=f"{source}__180x180.png", storage=row.file.thumbnail_storage)
    thumbnail.mime_type = row.mime_type
    try:
        return NginxServer().serve(RequestFactory().get("/"), thumbnail).status_code
    except Http404:
        return 404


assert row.file.name != row.file.name.upper()
assert [status(row.file.name), status(row.file.name.upper())] == [200, 404]
"""


def test_a_thumbnail_is_sent_for_the_row_of_exactly_its_name_only(started: Started) -> None:
    """On MariaDB, filer asks the row of "a.jpg" about the thumbnail of "A.jpg"."""
    run(started.env, started.folder, "-c", OTHER_CASE)


def test_a_row_without_checksum_is_read_at_each_load_until_it_is_saved(started: Started) -> None:
    """The trap that docs/integrate/filer.md warns of, and its remedy."""
    run(started.env, started.folder, "-c", TRAP)
