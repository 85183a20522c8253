"""How a `map` is printed: each key is a phrase or a regular expression of this package, each value as a directive's."""

from __future__ import annotations

from functools import partial

from xaccel.nginx.emit import Directive, block, directive, phrase


def map_block(
    source: str,
    result: str,
    *rows: tuple[str, str],
    default: str | int = "",
    volatile: bool = False,
    why: str = "",
) -> Directive:
    """Print a map. `volatile`: NGINX works it out at each use, and keeps no answer of an earlier step."""
    return block(
        "map",
        source,
        result,
        inside=[
            *([directive("volatile")] if volatile else []),
            directive("default", default),
            *(Directive(phrase(key), (value,)) for key, value in rows),
        ],
        why=why,
    )


volatile_map = partial(map_block, volatile=True)
