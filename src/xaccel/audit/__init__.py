"""The audit trail: who was given which file, and how much of it NGINX sent. A Django app.

Each name is loaded at its first use: Django imports this package before models can be.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaccel.audit.archives import deliveries_of, members_of
    from xaccel.audit.models import Download, Transfer
    from xaccel.audit.queries import find_object, queries_of
    from xaccel.audit.share_links.models import Allowance
    from xaccel.audit.share_links.reserve import SHARE_COOKIE, reserve
    from xaccel.audit.signals import download_completed, transfer_completed
    from xaccel.audit.values import Outcome

__all__ = [
    "SHARE_COOKIE",
    "Allowance",
    "Download",
    "Outcome",
    "Transfer",
    "deliveries_of",
    "download_completed",
    "find_object",
    "members_of",
    "queries_of",
    "reserve",
    "transfer_completed",
]

_MODULES = {
    "archives": ("deliveries_of", "members_of"),
    "models": ("Download", "Transfer"),
    "queries": ("find_object", "queries_of"),
    "share_links.models": ("Allowance",),
    "share_links.reserve": ("SHARE_COOKIE", "reserve"),
    "signals": ("download_completed", "transfer_completed"),
    "values": ("Outcome",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the module of a public name at its first use."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
