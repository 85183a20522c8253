"""The portal with one thing broken, for `scripts/demo --check --expect-failure`; the variable names the break."""

from __future__ import annotations

import os

from portal.demo.app_breaks import BREAKS
from portal.wsgi import application

BREAKS[os.environ["PORTAL_DEMO_BREAK"]]()

__all__ = ["application"]
