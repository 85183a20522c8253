"""Layouts of archives, and their members that failed."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xaccel_audit", "0002_names"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailedMember",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("transfer", models.UUIDField(db_index=True)),
                ("number", models.BigIntegerField()),
                ("origin", models.TextField()),
                ("range", models.TextField()),
                ("status", models.IntegerField(null=True)),
                ("sent", models.BigIntegerField(null=True)),
                ("why", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "xaccel_failed_member",
            },
        ),
        migrations.CreateModel(
            name="ArchivePage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("archive", models.TextField()),
                ("slot", models.BigIntegerField(db_index=True)),
                ("content", models.BinaryField()),
            ],
            options={
                "db_table": "xaccel_archive_page",
                "constraints": [
                    models.UniqueConstraint(fields=("archive", "slot"), name="xaccel_archive_page_once")
                ],
            },
        ),
    ]
