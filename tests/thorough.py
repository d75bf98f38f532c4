"""
Whether generated tests run all of their cases or only some.

One CI lane sets THOROUGH=1; the others run the same tests in a fraction of the time.
"""

import os


THOROUGH = os.environ.get("THOROUGH") == "1"
