"""``python -m cognito_devtoken``: the command line."""

import sys

from .cli import main


sys.exit(main())
