"""An index of the downloads that were mixed."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xaccel_audit", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="download",
            index=models.Index(
                condition=models.Q(("mixed", True)), fields=["-opened_at"], name="xaccel_download_mixed"
            ),
        ),
    ]
