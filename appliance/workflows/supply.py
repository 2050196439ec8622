"""Where a run gets its backend from, and gets another one when that has died."""

import re
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from appliance.errors import BadInput
from appliance.gate.opening import open_seal_key
from appliance.learning.basemodels.store import BaseModel
from appliance.records.progress import Progress
from appliance.records.prompts import Route
from appliance.settings.gateway import OWN_CALLER, GatewayPolicy
from appliance.settings.secrets import read_caller_token
from appliance.synthesis.backends.base import Backend, Checker
from appliance.workflows.site import Site

if TYPE_CHECKING:
    from appliance.synthesis.backends.chatgpt.asking import GatewayQuestion
    from appliance.synthesis.backends.chatgpt.client import GatewayPlace

STAMPS: Final = ".stamps.db"
"""Stamps that were used at this machine's models: one file in the journal for all that ask them."""
SOCKET: Final = "gateway.sock"
_LOOPBACK_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}")
_MARGIN_S: Final = 15.0


class Supply(Protocol):
    """Where backends come from."""

    @property
    def model(self) -> str:
        """Name of the model that all of them have, known before the first is there."""

    def fresh(self) -> Backend:
        """A backend that answers; the one before, where there was one, is gone."""


class EngineSupply:
    """Starts vLLM on this machine, once or as often as the settings say, and again when it died.

    Args:
        site: Its settings and run directory.
        model: What the engine serves.
        checker: Checks clearances where prompts are sent.
        progress: Told of each start.
    """

    def __init__(self, site: Site, model: BaseModel, checker: Checker, progress: Progress) -> None:
        from appliance.synthesis.backends.vllm.engine import VllmEngine

        self._settings = site.settings.vllm
        self._name = f"{model.name}@{model.digest[:12]}"
        self._checker = checker
        self._recorder = site.ledger
        self._engines = [
            VllmEngine(self._settings, model.path, site.paths.run, progress, number)
            for number in range(self._settings.replicas)
        ]

    @property
    def model(self) -> str:
        """Name and digest of what the engine serves."""
        return self._name

    def fresh(self) -> Backend:
        """The engines run, and this asks them."""
        from appliance.synthesis.backends.vllm.client import VllmBackend

        try:
            # All at once: each takes a while to read its model.
            for engine in self._engines:
                engine.begin()
            endpoints = [engine.wait() for engine in self._engines]
        except BaseException:
            self._stop()
            raise
        timeout_s = self._settings.request_timeout_s
        return VllmBackend(endpoints, self._name, self._checker, timeout_s, self._lose)

    def _lose(self, number: int) -> None:
        self._recorder.record("backend.lost", {"route": Route.VLLM.value, "replica": number})

    def _stop(self) -> None:
        for engine in self._engines:
            engine.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()


class GatewaySupply:
    """Asks the egress gateway on this machine.

    Args:
        site: Its paths, keys and where its gateway listens.
        policy: `gateway.toml`.
        model: Which of its models.
    """

    def __init__(self, site: Site, policy: GatewayPolicy, model: str) -> None:
        self._site = site
        self._policy = policy
        self._model = model

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._model

    def fresh(self) -> Backend:
        """A client of the gateway."""
        from appliance.synthesis.backends.chatgpt.client import ChatGptBackend

        seal_key = open_seal_key(self._site.keys)
        # The gateway gives up first, and says why.
        timeout_s = self._policy.limits.request_timeout_s + _MARGIN_S
        return ChatGptBackend(
            self._place(), self._model, self._policy.instruction, seal_key, timeout_s
        )

    def question(self) -> "GatewayQuestion":
        """Asks the gateway what would pass; nothing can be sent this way."""
        from appliance.synthesis.backends.chatgpt.asking import GatewayQuestion

        timeout_s = self._policy.limits.request_timeout_s + _MARGIN_S
        return GatewayQuestion(self._place(), self._model, timeout_s)

    def _place(self) -> "GatewayPlace":
        from appliance.synthesis.backends.chatgpt.client import GatewayPlace

        at = self._site.settings.gateway.at
        if not at.startswith("http"):
            return GatewayPlace(socket=at or str(self._site.paths.run / SOCKET))
        if not _LOOPBACK_ADDRESS.fullmatch(at):
            raise BadInput(
                "gateway.at of site.toml is no address on 127.0.0.1.",
                "The gateway listens on this machine: http://127.0.0.1:PORT, or a socket's path.",
            )
        return GatewayPlace(base_url=at, token=read_caller_token(self._site.paths.keys, OWN_CALLER))
