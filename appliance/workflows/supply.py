"""Where a run gets its backend from, and gets another one when that has died."""

from types import TracebackType
from typing import Protocol, Self

from appliance.learning.basemodels.store import BaseModel
from appliance.records.progress import Progress
from appliance.synthesis.backends.base import Backend, Checker
from appliance.workflows.site import Site


class Supply(Protocol):
    """Where backends come from."""

    def fresh(self) -> Backend:
        """A backend that answers; the one before, where there was one, is gone."""


class EngineSupply:
    """Starts vLLM on this machine, and again when it has died.

    Args:
        site: Its settings and run directory.
        model: What the engine serves.
        checker: Checks clearances where prompts are sent.
        progress: Told of each start.
    """

    def __init__(self, site: Site, model: BaseModel, checker: Checker, progress: Progress) -> None:
        from appliance.synthesis.backends.vllm.engine import VllmEngine

        self._settings = site.settings.vllm
        self._model = f"{model.name}@{model.digest[:12]}"
        self._checker = checker
        self._engine = VllmEngine(self._settings, model.path, site.paths.run, progress)

    def fresh(self) -> Backend:
        """The engine runs, and this asks it."""
        from appliance.synthesis.backends.vllm.client import VllmBackend

        endpoint = self._engine.start()
        timeout_s = self._settings.request_timeout_s
        return VllmBackend(endpoint, self._model, self._checker, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.stop()
