"""The app of the side that runs."""

import os
from importlib import import_module

application = import_module(os.environ["APP_MODULE"]).create_app()
