from __future__ import annotations

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("files", "0004_file_checksum"),)

    operations = (
        migrations.AlterField(
            model_name="file",
            name="sha256",
            field=models.CharField(
                blank=True,
                default="",
                max_length=64,
                validators=[
                    django.core.validators.RegexValidator(
                        r"^[0-9a-f]{64}\Z", "Write 64 lower-case hexadecimal digits."
                    )
                ],
                verbose_name="SHA-256",
            ),
        ),
    )
