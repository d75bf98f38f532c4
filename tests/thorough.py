"""
Whether randomised tests run all of their cases or only some.

One nox session sets THOROUGH=1. The others run a fraction of the cases.
"""

import os


THOROUGH = os.environ.get("THOROUGH") == "1"
