"""Why an installation ends: what is wrong, what to do, and the exit code.

The codes are those of the appliance's own `errors.py`, which is not installed yet.
"""

from typing import Final

BUG: Final = 1
BAD_INPUT: Final = 2
CHECK_FAILED: Final = 3
WARNS: Final = 4
NOT_AS_WRITTEN: Final = 8
NO_SPACE: Final = 10


class Refused(Exception):
    """Nothing was changed by the step that refused.

    Args:
        what: One sentence: what is wrong.
        next_step: One sentence: what to do about it.
        exit_code: One of the above.
    """

    def __init__(self, what: str, next_step: str, exit_code: int = NOT_AS_WRITTEN) -> None:
        super().__init__(what, next_step)
        self.what = what
        self.next_step = next_step
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}"
