# ruff: noqa: RUF012 (as makemigrations writes it)
from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("files", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="file",
            name="folder",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The folder in which users find the file, if any.",
                max_length=255,
            ),
        ),
    ]
