"""Write the drawings that the README needs as files."""

import sys
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))
from drawings import IN_README, draw


for name, path in IN_README.items():
    path.write_text(draw(name)[0])
