"""The bytes before a position, and what was removed, for a log that was cut and is read again."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xaccel_audit", "0003_mixed"),
    ]

    operations = [
        migrations.AddField(model_name="logposition", name="tail", field=models.TextField(default="")),
        migrations.AddField(
            model_name="logposition", name="tail_length", field=models.IntegerField(default=0)
        ),
        migrations.CreateModel(
            name="Removal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=16)),
                ("before", models.DateTimeField()),
                ("subject", models.CharField(db_index=True, default="", max_length=64)),
            ],
            options={"db_table": "xaccel_removal"},
        ),
    ]
