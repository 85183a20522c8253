"""The table of `tests.audit.models`."""
# ruff: noqa: RUF012 (as makemigrations writes it)

from django.db import migrations
from django.db.models import (
    CASCADE,
    DO_NOTHING,
    PROTECT,
    SET_NULL,
    BigAutoField,
    ForeignKey,
    ManyToManyField,
    OneToOneField,
)

TO = "xaccel_audit.transfer", "xaccel_audit.download"
ON_DELETE = {"cascade": CASCADE, "set_null": SET_NULL, "protect": PROTECT, "do_nothing": DO_NOTHING}


class Migration(migrations.Migration):
    initial = True

    dependencies = [("xaccel_audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *(
                    (f"{to.partition('.')[2]}_{name}", ForeignKey(to, how, null=True, related_name="+"))
                    for to in TO
                    for name, how in ON_DELETE.items()
                ),
                ("only_one", OneToOneField(TO[1], SET_NULL, null=True, related_name="+")),
                ("downloads", ManyToManyField(TO[1])),
            ],
        )
    ]
