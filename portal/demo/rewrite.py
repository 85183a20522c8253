"""Change printed directives, as values. A change that finds nothing to change is an error: it would break nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from xaccel.nginx import Directive

Change = Callable[[Directive], Iterable[Directive] | None]
"""Gives what stands instead of a directive, or None to leave it and look inside."""


class NothingChanged(ValueError):
    """The directive that was to be changed is not in the text: the break must be written anew."""


def rewrite(directives: Iterable[Directive], change: Change, *, what: str) -> tuple[Directive, ...]:
    """Apply `change` at every depth. Raises NothingChanged, which names `what`."""
    before = tuple(directives)
    after = _walk(before, change)
    if after == before:
        raise NothingChanged(f"no directive to change for {what!r}")
    return after


def inside(prefix: str, change: Callable[[tuple[Directive, ...]], Iterable[Directive]]) -> Change:
    """Change the content of each location whose last argument begins with `prefix`."""

    def found(item: Directive) -> list[Directive] | None:
        if item.name != "location" or item.block is None or not item.args[-1].startswith(prefix):
            return None
        return [dataclasses.replace(item, block=tuple(change(item.block)))]

    return found


def without(name: str, *first: str) -> Callable[[tuple[Directive, ...]], Iterable[Directive]]:
    """Leave out directives of that name; with `first`, only those whose first argument is one of these."""

    def change(block: tuple[Directive, ...]) -> list[Directive]:
        return [item for item in block if not (item.name == name and (not first or item.args[0] in first))]

    return change


def _walk(directives: tuple[Directive, ...], change: Change) -> tuple[Directive, ...]:
    found: list[Directive] = []
    for item in directives:
        instead = change(item)
        if instead is not None:
            found.extend(instead)
        elif item.block is not None:
            found.append(dataclasses.replace(item, block=_walk(item.block, change)))
        else:
            found.append(item)
    return tuple(found)
