"""An age on the command line: "365d", "12h"."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "w": "weeks"}


def age(text: str) -> timedelta:
    """Read a whole number of hours, days or weeks; for argparse.

    Raises argparse.ArgumentTypeError.
    """
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age: write it like 365d, 12h or 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
