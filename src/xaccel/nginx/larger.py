"""Which numbers are larger than a bound, as a regular expression: NGINX's maps compare no numbers."""

from __future__ import annotations


def larger_than(bound: int) -> str:
    """Return an expression for the decimal numbers above `bound`; zeros may stand before them."""
    digits = str(bound)
    longer = f"[1-9][0-9]{{{len(digits)},}}"
    greater = (
        f"{digits[:place]}[{int(digit) + 1}-9][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "9"
    )
    return f"0*(?:{'|'.join((longer, *greater))})"
