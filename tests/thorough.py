"""
Whether tests that draw their cases draw all of them, or only some.

One lane sets THOROUGH=1. The others run the same tests in a fraction of the time.
"""

import os


THOROUGH = os.environ.get("THOROUGH") == "1"
