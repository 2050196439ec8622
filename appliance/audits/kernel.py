"""What the kernel's firewall has counted on the way to the provider, beside what the ledger has.

The firewall knows packets and bytes, not requests. So three things can be told: that something was
sent where nothing was asked, that much more was sent than was asked, and that less was sent than
was answered: then requests took a way that the firewall does not see. Counters begin anew with
every reload of nftables, so the last is a failure only where it is known when that was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from appliance.records.audits import Estimate, Problem

# Said before anything was measured: of a request's body so much may be sent again or added by TLS,
# and so much beside it for connection, handshake, headers and acknowledgements.
_OF_BODY: Final = 1.3
_PER_REQUEST: Final = 32 << 10


@dataclass(frozen=True, slots=True)
class Kernel:
    """What `nft` tells of the counters of deploy/egress.

    Attributes:
        packets: Let through to the provider.
        octets: Of these, IP headers included.
        refused: Packets that wanted to go anywhere else.
        since: From when on, ISO 8601, UTC; "" for the site's beginning.
    """

    packets: int
    octets: int
    refused: int
    since: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it is known to the second from when on they were counted."""
        return "T" in self.since


@dataclass(frozen=True, slots=True)
class Asked:
    """What the ledger has of the same time: requests, their bodies' bytes, answers."""

    requests: int
    octets: int
    answered: int

    @property
    def allowed(self) -> int:
        """Bytes that so many requests may need."""
        return round(_OF_BODY * self.octets) + _PER_REQUEST * self.requests


def judge_kernel(kernel: Kernel, asked: Asked) -> Iterator[Problem]:
    """What the two do not have in common."""
    if kernel.packets and not asked.requests:
        yield Problem(
            "replay.kernel-counted-unasked",
            "firewall",
            f"{kernel.packets} packets went to the provider; the ledger has no request.",
            "Something beside the gateway sends as its user: find it, and have the key replaced.",
        )
    elif kernel.octets > asked.allowed:
        yield Problem(
            "replay.kernel-counted-more",
            "firewall",
            f"{kernel.octets} bytes went to the provider; {asked.requests} requests of "
            f"{asked.octets} bytes need {asked.allowed} at most.",
            "See that the day of --kernel-since is when the rules were loaded; then find what else "
            "sends as the gateway's user.",
        )
    if kernel.is_exact and kernel.packets < asked.answered:
        yield Problem(
            "replay.kernel-counted-less",
            "firewall",
            f"{kernel.packets} packets went to the provider, and {asked.answered} requests were "
            "answered.",
            "Requests leave by a way that these rules do not see: look at routes and rules.",
        )


def kernel_blind_spots(kernel: Kernel, asked: Asked) -> Iterator[str]:
    """What these counts leave open."""
    yield "What is small beside the bytes that requests on record may need."
    if not kernel.is_exact and kernel.packets < asked.answered:
        yield (
            f"Requests by a way that the firewall does not see: it counts {kernel.packets} packets "
            f"where {asked.answered} requests were answered, and its counters may have begun anew "
            "since; give --kernel-since to the second."
        )


def kernel_estimates(kernel: Kernel, asked: Asked) -> list[Estimate]:
    """The figures, as counts."""
    rows = (
        ("packets that the firewall let through to the provider", kernel.packets),
        ("bytes that it let through", kernel.octets),
        ("bytes that the requests on record may need", asked.allowed),
        ("packets that it refused", kernel.refused),
    )
    return [
        Estimate(name, float(count), None, None, asked.requests, "count") for name, count in rows
    ]
