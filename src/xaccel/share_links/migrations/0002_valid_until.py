"""The time when a link ends."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("xaccel_share_links", "0001_initial")]

    operations = [
        migrations.AddField("Allowance", "valid_until", models.DateTimeField(blank=True, null=True)),
    ]
