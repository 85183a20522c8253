# ruff: noqa: RUF012 (as makemigrations writes it)
from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("files", "0003_file_shown_as_saved")]

    operations = [
        migrations.AddField(
            model_name="file",
            name="crc32",
            field=models.BigIntegerField("CRC-32", editable=False, null=True),
        ),
        migrations.AddField(
            model_name="file",
            name="etag",
            field=models.CharField("entity tag", blank=True, default="", editable=False, max_length=128),
        ),
    ]
