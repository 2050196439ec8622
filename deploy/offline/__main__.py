"""`deploy/install.sh`, once it has found Python."""

import sys
from pathlib import Path

# Last, so that nothing that lies there can take the place of a module of Python's own.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from offline.install import main

sys.exit(main(sys.argv[1:]))
