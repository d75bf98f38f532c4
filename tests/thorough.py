"""
Whether generated tests run all of their cases or only some.

``nox -s thorough`` sets THOROUGH=1; the other sessions run a part of the cases.
"""

import os


THOROUGH = os.environ.get("THOROUGH") == "1"
