"""What came with the product beside its modules: policies and the lock file."""

import sys
from pathlib import Path
from typing import Final

_SOURCES: Final = Path(__file__).resolve().parents[2]
# A release folder holds its own environment: RELEASE/.venv beside RELEASE/policies.
_RELEASE: Final = Path(sys.prefix).parent


def product_directory() -> Path:
    """Where the product's own `policies` and `requirements.lock` lie.

    Beside the modules in a checkout; beside the environment where a bundle was installed.
    """
    return _SOURCES if (_SOURCES / "policies").is_dir() else _RELEASE
