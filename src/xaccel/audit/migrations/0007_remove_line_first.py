"""A decision is a row before its log entry can come, so no transfer waits for its decision."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("xaccel_audit", "0006_query"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="transfer", name="xaccel_transfer_line_first"),
        migrations.RemoveField(model_name="transfer", name="line_first"),
    ]
