"""Label Studio's own settings, which it reads from the environment."""

import os
import sys
from importlib.util import find_spec

# its modules import each other without the package's name
sys.path += find_spec("label_studio").submodule_search_locations
# its settings read `django.conf.settings` while they are imported, and must find themselves there
wanted = os.environ["DJANGO_SETTINGS_MODULE"]
os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings.label_studio"
from core.settings.label_studio import *

os.environ["DJANGO_SETTINGS_MODULE"] = wanted
ALLOWED_HOSTS = ["*"]
