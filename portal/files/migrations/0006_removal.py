from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (
        ("files", "0005_file_without_sha256"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )

    operations = (
        migrations.CreateModel(
            name="Removal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=1024, verbose_name="object key")),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("deleted_at", models.DateTimeField(auto_now_add=True)),
                ("tried_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "object to delete",
                "verbose_name_plural": "objects to delete",
                "ordering": ("deleted_at", "pk"),
                "constraints": [
                    models.UniqueConstraint(fields=("origin", "key"), name="removal_object_once")
                ],
            },
        ),
    )
