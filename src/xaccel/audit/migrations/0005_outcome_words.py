"""The words for outcomes name a log entry that is missing."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xaccel_audit", "0004_positions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="transfer",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("granted", "granted: under way, or its log entry is missing"),
                    ("denied", "denied"),
                    ("sent", "all that was announced was sent"),
                    ("incomplete", "less was sent than announced"),
                    ("inexact", "sent, its end not known"),
                    ("headers", "headers only (HEAD)"),
                    ("not_modified", "not modified (304)"),
                    ("refused", "not sent: an error, a condition not met, or the client left"),
                    (
                        "unknown",
                        "no log entry: the client left before the hand-off, or the entry was lost",
                    ),
                ],
                max_length=16,
            ),
        ),
    ]
