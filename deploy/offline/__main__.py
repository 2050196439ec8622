"""`deploy/install.sh`, once it has found Python."""

import sys
from pathlib import Path

# What is run is this directory; what is imported is the package that it is.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from offline.install import main  # noqa: E402 - only now can it be found

sys.exit(main(sys.argv[1:]))
