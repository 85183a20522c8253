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


def test_a_row_without_checksum_is_read_at_each_load_until_it_is_saved(started: Started) -> None:
    """The trap that docs/integrate/filer.md warns of, and its remedy."""
    run(started.env, started.folder, "-c", TRAP)
