"""xaccel for Flask: the short name of `xaccel.adapters.flask`."""

from xaccel.adapters.flask import Downloads

__all__ = ["Downloads"]
