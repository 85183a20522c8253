"""The public names, with their signatures and docstrings."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

from docs.generated import checks  # noqa: F401  (configures Django)
from docs.generated.docstrings import default_of, field_table, prose, settings_of, spelled

DESCRIBED = {
    "HTTPOrigin": "settings.md#httporigin",
    "LocalOrigin": "settings.md#localorigin",
    "S3Origin": "settings.md#s3origin",
    "Site": "settings.md#keys-of-the-site",
    "Options": "options.md#each-option",
}
"""Classes whose fields another page describes."""


def names(package: str) -> str:
    """Return one section for each name of a package's __all__; errors have another page."""
    module = importlib.import_module(package)
    named = ((name, getattr(module, name)) for name in module.__all__)
    return "\n".join(_section(f"{package}.{name}", value) for name, value in named if not _is_error(value))


def _constructor(kind: type) -> str:
    types = {row.field.name: spelled(row.hint) for row in settings_of(kind)}
    lines = []
    for field in dataclasses.fields(kind):
        default = default_of(field).strip("`")
        after = "" if default == "required" else f" = {default}"
        lines.append(f"    {field.name}: {types.get(field.name, field.type)}{after},")
    return "\n".join([f"{kind.__name__}(", "    *,", *lines, ")"])


def _is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _section(path: str, value: Any) -> str:
    parts = [f"### `{path}`"]
    if not inspect.isclass(value) and not inspect.isfunction(value):
        return f"{parts[0]}\n\nA signal: see [](signals.md).\n"
    if inspect.isfunction(value):
        parts.append(f"```text\n{_signature(value, value.__name__)}\n```")
    parts += prose(value)
    if inspect.isclass(value):
        if value.__name__ in DESCRIBED:
            parts.append(f"```text\n{_constructor(value)}\n```")
            parts.append(f"[What each field means]({DESCRIBED[value.__name__]}).")
        elif dataclasses.is_dataclass(value) and dataclasses.fields(value):
            parts.append(field_table(value).rstrip())
        parts += [
            f"`{_signature(member, name)}`: {' '.join(prose(member))}" for name, member in _methods(value)
        ]
    return "\n\n".join(parts) + "\n"


def _methods(value: type) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for kind in value.__mro__:
        for name, member in (
            vars(kind).items() if kind.__module__.startswith(("xaccel.", "xaccel_testing.")) else ()
        ):
            if inspect.isfunction(member) and not name.startswith("_"):
                found.setdefault(name, member)
    return [*found.items()]


def _signature(function: Any, name: str) -> str:
    raw = inspect.unwrap(function)
    for node in ast.walk(_tree(inspect.getsourcefile(raw) or "")):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == raw.__name__:
            keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
            result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            return f"{keyword} {name}({ast.unparse(node.args)}){result}"
    raise AssertionError(f"{name} has no source")


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))
