# ruff: noqa: RUF012 (as makemigrations writes it)
from __future__ import annotations

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("files", "0002_file_folder")]

    operations = [
        migrations.AlterField(
            model_name="file",
            name="name",
            field=models.CharField(
                help_text="Shown to users; also the name of the saved file.",
                max_length=255,
                validators=[
                    django.core.validators.RegexValidator(
                        r"[/\\\u202a-\u202e\u2066-\u2069]",
                        "Leave out /, \\ and characters that change the direction of text: "
                        "the saved file would have another name.",
                        inverse_match=True,
                    )
                ],
            ),
        ),
    ]
