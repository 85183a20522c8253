"""manage.py error_pages: write the pages that NGINX sends itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.files.error_pages import write_error_pages


class Command(BaseCommand):
    """One HTML file for each status."""

    help = "Write the error pages of NGINX into the folder of PORTAL_ERROR_PAGES. Run collectstatic before."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        write_error_pages(options["folder"])
