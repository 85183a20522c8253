"""Settings for the Django plugin of mypy: the portal's, with the apps that the portal does not use."""

from __future__ import annotations

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "xaccel.audit.share_links"]
