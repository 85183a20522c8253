"""`python -m xaccel`."""

import sys

from xaccel.tools.cli import main

sys.exit(main())
