"""Inputs for the maps: hostile values, and random ones that are nearly right. A character is a byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from string import ascii_letters

from tests.maps.bench import Bench

BYTES = "".join(chr(byte) for byte in range(1, 256) if byte not in (10, 13))
"""All bytes that NGINX lets through in a header."""

PUNCTUATION = "|=,;:/?#\\\"'`%.*-+&()[]{}<>~^$@! \t\x01\x7f\x80\xe9\xff"

_SWAPPED = str.maketrans(ascii_letters, ascii_letters.swapcase())


def spoiled(random: Random, text: str, alphabet: str = PUNCTUATION) -> str:
    """Return the text with one to three small changes."""
    for _ in range(random.randint(1, 3)):
        place = random.randint(0, len(text))
        kind = random.randrange(5)
        if kind == 0:
            text = text[:place] + random.choice(alphabet) + text[place:]
        elif kind == 1:
            text = text[:place] + text[place + 1 :]
        elif kind == 2:
            text = text[:place] + random.choice(alphabet) + text[place + 1 :]
        elif kind == 3:
            text = text[:place] + text[place:].translate(_SWAPPED)
        else:
            text = text[place:] + text[:place]
    return text


def mostly(random: Random, samples: Sequence[str], alphabet: str = PUNCTUATION) -> str:
    """Return a sample, which is spoiled in one of three cases."""
    text = random.choice(samples)
    return spoiled(random, text, alphabet) if random.randrange(3) == 0 else text


def require_same(
    benches: Mapping[str, Bench], path: str, inputs: Sequence[tuple[str, ...]], expected: Sequence[str]
) -> None:
    """Fail with the first rows where the engine on one of the builds and the model differ."""
    for build, bench in benches.items():
        wrong = [
            f"{row!r}: the engine {value!r}, the model {wanted!r}"
            for row, value, wanted in zip(inputs, bench.values(path, inputs), expected, strict=True)
            if value != wanted
        ]
        assert not wrong, "\n".join([f"{build}: {len(wrong)} of {len(inputs)} differ", *wrong[:10]])
