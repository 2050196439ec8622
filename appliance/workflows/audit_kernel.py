"""The firewall's counters, as `nft` prints them for root: an audit has no right to ask for them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from appliance.audits.kernel import Kernel
from appliance.errors import BadInput

# deploy/egress: of a namespace of the gateway's own, and of three users on the host's network.
_TABLES: Final = frozenset({"appliance_egress", "appliance_users"})
_HOW: Final = "Make it as root with `nft -j list counters > FILE`, in the gateway's namespace."


def read_kernel(path: Path, since: str) -> Kernel:
    """What the rules of deploy/egress have counted.

    Args:
        path: What `nft -j list counters` printed.
        since: When these rules were loaded, ISO 8601, UTC; "" for the site's beginning.

    Raises:
        BadInput: It can't be read, or has none of these counters.
    """
    try:
        found = [*_counters(json.loads(path.read_bytes())["nftables"])]
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _HOW) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{path} holds no counters of nftables.", _HOW) from None
    through = [one for one in found if one["name"] == "to_provider"]
    if not through:
        raise BadInput(f"{path} has no counter to_provider of deploy/egress.", _HOW)
    # Where a packet passes both tables, both have counted it.
    most = max(through, key=lambda one: one["bytes"])
    refused = sum(one["packets"] for one in found if one["name"] == "refused")
    return Kernel(most["packets"], most["bytes"], refused, since)


def _counters(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        counter = entry.get("counter")
        if isinstance(counter, dict) and counter.get("table") in _TABLES:
            yield {
                "name": str(counter["name"]),
                "packets": int(counter["packets"]),
                "bytes": int(counter["bytes"]),
            }
