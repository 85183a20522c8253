"""A new project with django-filer whose private files are on the disk of the app, as its documentation begins."""

import os
from pathlib import Path

from mysite.settings import *

FOLDER = Path(os.environ["FOLDER"])
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS += ["easy_thumbnails", "filer"]
ROOT_URLCONF = "integrations.filer.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "db.sqlite3"}}
MEDIA_ROOT = FOLDER / "media"
MEDIA_URL = "/media/"
FILER_ENABLE_PERMISSIONS = True
