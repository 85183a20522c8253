"""The tables of uploads."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations, models

from xaccel.django.uploads.models import State

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", ID),
                ("name", models.CharField(max_length=255, unique=True)),
                ("uploads", models.PositiveBigIntegerField(default=0)),
            ],
            options={"db_table": "xaccel_upload_account"},
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("state", models.CharField(choices=State.choices, default="open", max_length=8)),
                ("origin", models.CharField(max_length=30)),
                ("bucket", models.CharField(max_length=63)),
                ("key", models.CharField(max_length=1024)),
                ("size", models.PositiveBigIntegerField()),
                ("content_type", models.CharField(max_length=255)),
                ("crc32", models.CharField(max_length=8)),
                ("etag", models.TextField(default="")),
                ("subject", models.TextField()),
                ("account", models.CharField(max_length=255)),
                ("on_stored", models.TextField()),
                ("context", models.JSONField(default=dict)),
                ("made_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("path", models.TextField(default="")),
                ("multipart", models.TextField(default="")),
                ("offset", models.PositiveBigIntegerField(default=0)),
                ("parts", models.JSONField(default=list)),
                ("requests", models.PositiveIntegerField(default=0)),
                ("active_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "xaccel_upload",
                "indexes": [
                    models.Index(fields=["account", "-made_at"], name="xaccel_upload_account_time"),
                    models.Index(fields=["-made_at"], name="xaccel_upload_time"),
                    models.Index(
                        condition=models.Q(("state__in", ["open", "released"])),
                        fields=["made_at"],
                        name="xaccel_upload_unsettled",
                    ),
                ],
            },
        ),
    ]
