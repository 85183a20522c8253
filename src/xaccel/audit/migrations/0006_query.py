"""Which object the query of a stored URL means."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xaccel_audit", "0005_outcome_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="download",
            name="query",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="transfer",
            name="query",
            field=models.TextField(db_default="", default=""),
        ),
    ]
