"""The application of each project, with the tables made and one row for each file."""

from __future__ import annotations

import json
import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from tests.migration.library.models import Document  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
for pk, name in enumerate(json.loads(os.environ["MIGRATION_FILES"]), 1):
    Document.objects.update_or_create(pk=pk, defaults={"file": name, "scan": name})
