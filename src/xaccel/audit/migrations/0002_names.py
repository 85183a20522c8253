"""Tables with the names of what they have."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("xaccel_audit", "0001_initial")]

    operations = [
        migrations.RenameModel("Garbage", "RejectedLine"),
        migrations.AlterModelTable("RejectedLine", "xaccel_rejected_line"),
        migrations.RenameModel("Untold", "PendingSignal"),
        migrations.AlterModelTable("PendingSignal", "xaccel_pending_signal"),
    ]
