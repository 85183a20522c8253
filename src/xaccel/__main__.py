"""`python -m xaccel`."""

import sys

from xaccel.cli import main

sys.exit(main())
