"""``python -m mgframe`` is the command ``mgframe``."""

import sys

from mgframe.cli import main

sys.exit(main())
