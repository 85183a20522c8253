"""Names and keys are checked by the rules of send_file, and no longer by patterns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("files", "0002_grant_by_time"),)
    operations = (
        migrations.AlterField(
            "file",
            "key",
            models.CharField(
                "object key", max_length=1024, help_text="As the store has it, not percent-encoded."
            ),
        ),
        migrations.AlterField(
            "file",
            "name",
            models.CharField(
                max_length=255, help_text="What people see, and the name under which it is saved."
            ),
        ),
    )
