"""The shares of a corpus's next round, from what `appliance corpus report --json` printed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.records.tasks import DraftMix

_KINDS: Final = ("single", "several", "abbreviation", "none")
_SUM_TOLERANCE: Final = 1e-6
_MEND: Final = (
    "Make it with `appliance corpus report NAME --reference FILE --json > REPORT`, or --adapter."
)


def read_mix(path: Path) -> DraftMix:
    """The `[mix]` that a report asks for.

    Raises:
        BadInput: Unreadable, no report, or one that was given nothing to ask a mix for.
    """
    try:
        mix = json.loads(path.read_bytes())["mix"]
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _MEND) from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is no report on a corpus.", _MEND) from None
    if mix is None:
        raise BadInput(
            f"{path} was made without a reference or an adapter, and asks for no mix.", _MEND
        )
    if not isinstance(mix, dict) or set(mix) != set(_KINDS) or not _are_shares(mix.values()):
        raise BadInput(f"{path}: its mix is not four shares that sum to 1.", _MEND)
    return DraftMix(*(float(mix[kind]) for kind in _KINDS))


def _are_shares(values: Iterable[object]) -> bool:
    shares = [one for one in values if isinstance(one, int | float) and 0 <= one <= 1]
    return len(shares) == len(_KINDS) and abs(sum(shares) - 1) <= _SUM_TOLERANCE
