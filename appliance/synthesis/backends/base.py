"""The seam: one method, whatever model stands behind it."""

from collections.abc import Sequence
from typing import Protocol

from appliance.errors import ClearanceInvalid
from appliance.gate.clearance import ClearedPrompt
from appliance.records.prompts import Completion, Route, SamplingParameters


class Checker(Protocol):
    """Who says whether a stamp is good; the gate's `ClearanceChecker`."""

    def check_many(self, many: Sequence[ClearedPrompt]) -> Sequence[ClearanceInvalid | None]:
        """For each, in order: None where its stamp is good for this route, and now spent.

        Raises:
            ClearanceInvalid: It can't be told of any of them.
        """


class Backend(Protocol):
    """One model that writes."""

    @property
    def route(self) -> Route:
        """Where it is."""

    @property
    def model(self) -> str:
        """Name and digest of the model, as recorded with every completion."""

    async def complete(self, cleared: ClearedPrompt, parameters: SamplingParameters) -> Completion:
        """The model's answer to a prompt whose clearance was checked just before it was sent.

        Raises:
            ClearanceInvalid: The stamp is not good; nothing left this machine.
            BackendUnavailable: No answer, after a bounded number of tries.
            BackendRefused: The server will not answer this request.
        """

    async def aclose(self) -> None:
        """Connections are closed; the backend is not asked again."""
