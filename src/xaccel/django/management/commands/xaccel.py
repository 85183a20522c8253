"""`manage.py xaccel …`: the commands of `python -m xaccel`, for the site of settings.XACCEL."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pkgutil import resolve_name
from typing import Any

from django.apps import apps as django_apps
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections, router
from django.db.models import Model

from xaccel.commands.command import Parser, add_commands
from xaccel.commands.printing import error_text
from xaccel.django.checks import check_headers
from xaccel.django.conf import configuration
from xaccel.django.urls_below import leads_below
from xaccel.errors import XaccelError
from xaccel.tools import cli
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.running_site import RunningSite, Skipped

_UNSETTLED = timedelta(hours=12)
"""Twice the time after which `xaccel sweep` settles an upload."""


class _Parser(Parser, CommandParser):
    """Django's parser, with escaped messages."""


class Command(BaseCommand):
    """Generate the NGINX configuration of this project, update it, explain a transfer."""

    help = "Generate the NGINX configuration of settings.XACCEL, update it, explain a transfer."
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """Return the parser of the arguments."""
        parser = super().create_parser(prog_name, subcommand, **options)
        parser.__class__ = (
            _Parser  # Django has no setting for it; those of the subcommands have the same class
        )
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the arguments of `python -m xaccel`, without its file."""
        commands = {**cli.COMMANDS}
        for more in _of_applications("xaccel_commands"):
            commands |= more
        add_commands(parser, commands, file=False, common=_add_base_arguments)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand; what is wrong with the site or the NGINX ends the command in its words."""
        try:
            self.stdout.ending = ""
            with redirect_stdout(self.stdout):  # type: ignore[type-var]
                find_object = next(map(resolve_name, _of_applications("xaccel_finder")), lambda *_: None)
                options["leads_below"] = leads_below
                options["has_trail"] = any("ingest" in words for words in _of_applications("xaccel_commands"))
                cli.run(argparse.Namespace(**options), lambda: configuration().site, find_object)
                self.stdout.flush()
        except BrokenPipeError:
            cli.forget_output()
            sys.exit(cli.NOT_READ)
        except (XaccelError, OSError) as error:
            raise CommandError(error_text(error)) from error
        except KeyboardInterrupt:
            sys.exit(cli.STOPPED)


def _of_applications(name: str) -> Iterator[Any]:
    """Yield what applications have in this attribute of their configuration (`xaccel.django.apps`)."""
    return (getattr(config, name) for config in django_apps.get_app_configs() if hasattr(config, name))


def _add_base_arguments(parser: argparse.ArgumentParser) -> None:
    """Take Django's own options behind the subcommand too: Django has read the first two by then."""
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


@check("XA104")
def system_checks_find_nothing(_: RunningSite) -> Iterator[Evidence]:
    """Look for errors and warnings of Django's system checks, for `manage.py xaccel doctor`."""
    messages = [*run_checks(tags=["xaccel"]), *check_headers()]
    for message in (each for each in messages if not each.is_silenced()):
        text = f"{message.id}: {message.msg} {message.hint or ''}".strip()
        yield Evidence(text, "fail" if message.level >= ERROR else "warn")


@check("XA107")
def tables_are_those_of_this_version(_: RunningSite) -> Iterator[Evidence]:
    """Compare the columns of the database with those of the models: xaccel's own, and those of the project."""
    tables: dict[str, set[str]] = {}
    for model in django_apps.get_models(include_auto_created=True):
        alias = router.db_for_read(model)
        if not model._meta.can_migrate(alias) or not router.allow_migrate_model(alias, model):
            continue
        is_ours = django_apps.get_app_config(model._meta.app_label).name.startswith("xaccel.")
        try:
            if alias not in tables:
                names = connections[alias].introspection.table_names(include_views=True)
                tables[alias] = {name.lower() for name in names}
            problem = _problem_of_table(model, alias, tables[alias])
        except Error as error:
            yield Evidence(" ".join(str(error).split()), "unknown", REMEDIES["no_database"])
            return
        if problem and (is_ours or "does not know" not in problem):  # a project's table may have triggers
            yield Evidence(problem, "fail" if is_ours else "warn")


def _problem_of_table(model: type[Model], alias: str, tables: Collection[str]) -> str:
    """Return what a model and its table do not have in common; empty: nothing that breaks a request."""
    table = model._meta.db_table
    if '"' in table or "." in table:  # a table of another schema, which Django does not list
        return ""
    if table.lower() not in tables:
        return f"the table {table} is missing"
    with connections[alias].cursor() as cursor:
        columns = connections[alias].introspection.get_table_description(cursor, table)
    there = {column.name: column for column in columns}
    expected = [field.column for field in model._meta.local_concrete_fields if field.column]
    if missing := [name for name in expected if name not in there]:
        return f"the table {table} lacks {_columns(missing)}"
    newer = [
        name
        for name, column in there.items()
        if name not in expected and not (column.null_ok or column.default)
    ]
    return f"the table {table} needs {_columns(newer)}, which this version does not know" if newer else ""


def _columns(names: list[str]) -> str:
    return f"the column{'s' * (len(names) > 1)} {', '.join(names)}"


@check("XA508")
def uploads_are_settled(_: RunningSite) -> Iterator[str]:
    """Look for uploads that the sweep should have settled."""
    if not django_apps.is_installed("xaccel.django.uploads"):
        raise Skipped("xaccel.django.uploads is not in INSTALLED_APPS")
    from xaccel.django.uploads.models import State, Upload

    old = Upload.objects.filter(made_at__lt=datetime.now(UTC) - _UNSETTLED)
    if number := old.filter(state__in=[State.OPEN, State.RELEASED]).count():
        yield f"{number} uploads of more than 12 hours ago are not settled"
