"""The engine: started for real, watched, ended with everything it started."""

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.errors import BackendUnavailable, BadInput
from appliance.records.progress import Progress
from appliance.settings.site_file import VllmSettings
from appliance.synthesis.backends.vllm.command import (
    LOOPBACK,
    SERVED_NAME,
    build_command,
    build_environment,
    choose_dtype,
    choose_share,
    read_cpu_flags,
)
from appliance.synthesis.backends.vllm.processes import make_sockets
from appliance.synthesis.backends.vllm.watchdog import GRACE_S, clean_up

_ASK_EVERY_S: Final = 1.0
_ASK_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running engine listens.

    Attributes:
        port: On 127.0.0.1.
        api_key: Made for this one start; lives in memory and in the engine's environment.
        opening: What every prompt must begin with, where the tokenizer does not add it itself.
    """

    port: int
    api_key: str = field(repr=False)
    opening: str = ""

    @property
    def base_url(self) -> str:
        """The OpenAI-compatible root."""
        return f"http://{LOOPBACK}:{self.port}/v1"


class VllmEngine:
    """One vLLM server of our own.

    Args:
        settings: `[vllm]` of the site.
        model: Directory of the base model.
        run_directory: `SITE/run`, 0700: log, cache and the note for a later clean-up.
        progress: Told every second of the start.
        number: Which of the settings' replicas it is, from 0; each has its share of the machine.
    """

    def __init__(
        self,
        settings: VllmSettings,
        model: Path,
        run_directory: Path,
        progress: Progress,
        number: int | None = None,
    ) -> None:
        self._settings = settings
        self._model = model
        self._run = run_directory
        self._progress = progress
        self._number = number
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._begun: Endpoint | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The engine's own log; it holds no prompt."""
        return self._run / (f"vllm-{self._number}.log" if self._number else "vllm.log")

    def start(self) -> Endpoint:
        """The engine answers on loopback, and only to our key.

        Raises:
            BadInput: The model directory holds no model.
            BackendUnavailable: It ended, or was not ready in `start_timeout_s`.
        """
        self.begin()
        return self.wait()

    def begin(self) -> None:
        """The engine's processes are on their way; what ran before is gone.

        Raises:
            BadInput: The model directory holds no model.
        """
        if not (self._model / "config.json").is_file():
            raise BadInput(
                f"{self._model} holds no model.", "Import one with `appliance model import DIR`."
            )
        self.stop()
        clean_up(self._run)
        engine_id, api_key = secrets.token_hex(8), secrets.token_urlsafe(32)
        port = self._settings.port + (self._number or 0) if self._settings.port else _free_port()
        self._watchdog = self._launch(engine_id, api_key, port)
        self._begun = Endpoint(port, api_key)

    def wait(self) -> Endpoint:
        """The engine that was begun answers.

        Raises:
            BackendUnavailable: As `start`.
        """
        assert self._begun is not None, "nothing was begun"
        self._progress.begin("engine start", None)
        try:
            endpoint = self._wait(self._begun)
        except BaseException:
            self.stop()
            raise
        self._progress.end(f"ready on {LOOPBACK}:{endpoint.port}")
        return endpoint

    def is_running(self) -> bool:
        """Whether the engine's processes are up."""
        return self._watchdog is not None and self._watchdog.poll() is None

    def answers(self, endpoint: Endpoint) -> bool:
        """Whether the engine, not only its process, is there."""
        return self.is_running() and _is_ready(endpoint)

    def stop(self) -> None:
        """No process of the engine is left, nothing of it in /dev/shm, and none of its sockets."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is None:
            return
        assert watchdog.stdin is not None
        watchdog.stdin.close()
        try:
            watchdog.wait(timeout=GRACE_S * 3)
        except subprocess.TimeoutExpired:
            watchdog.kill()
            watchdog.wait()
            clean_up(self._run)

    def _launch(self, engine_id: str, api_key: str, port: int) -> subprocess.Popen[bytes]:
        dtype = choose_dtype(self._settings, read_cpu_flags())
        command = build_command(sys.executable, self._model, self._settings, dtype, port)
        watchdog = "appliance.synthesis.backends.vllm.watchdog"
        state = self._run / f"engine-{engine_id}.json"
        cache = self._run / "vllm-cache"
        cache.mkdir(mode=0o700, exist_ok=True)
        sockets = make_sockets(engine_id)
        environment = build_environment(self._settings, engine_id, api_key, cache, sockets)
        environment |= choose_share(self._settings, self._number or 0, environment)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", watchdog, str(state), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self._run,
                start_new_session=True,
            )
        finally:
            os.close(log)

    def _wait(self, endpoint: Endpoint) -> Endpoint:
        began = time.monotonic()
        while time.monotonic() - began < self._settings.start_timeout_s:
            if not self.is_running():
                raise BackendUnavailable(
                    "The engine ended before it was ready.", f"Its log is {self.log}."
                )
            if _is_ready(endpoint):
                return Endpoint(endpoint.port, endpoint.api_key, _opening(endpoint, self._model))
            time.sleep(_ASK_EVERY_S)
            self._progress.advance(1, f"{time.monotonic() - began:.0f} s")
        raise BackendUnavailable(
            f"The engine was not ready after {self._settings.start_timeout_s:.0f} s.",
            f"Raise vllm.start_timeout_s in site.toml; its log is {self.log}.",
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _ask(endpoint: Endpoint, method: str, path: str, body: str | None = None) -> object:
    connection = http.client.HTTPConnection(LOOPBACK, endpoint.port, timeout=_ASK_TIMEOUT_S)
    headers = {
        "Authorization": f"Bearer {endpoint.api_key}",
        "Content-Type": "application/json",
    }
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        return json.loads(content) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _is_ready(endpoint: Endpoint) -> bool:
    # A stranger on the port would not know the name that only our engine serves.
    models = _ask(endpoint, "GET", "/v1/models")
    return isinstance(models, dict) and any(
        isinstance(model, dict) and model.get("id") == SERVED_NAME
        for model in models.get("data", ())
    )


def _opening(endpoint: Endpoint, model: Path) -> str:
    """The beginning-of-sequence mark, where the model has one that its tokenizer leaves out.

    A tokenizer read from a GGUF file may lack the step that adds it, and Gemma writes nonsense
    without it.
    """
    try:
        config = json.loads((model / "config.json").read_bytes())
        words = json.loads((model / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        return ""
    mark, number = words.get("bos_token"), config.get("bos_token_id")
    body = json.dumps({"model": SERVED_NAME, "prompt": "a"})
    answer = _ask(endpoint, "POST", "/tokenize", body)
    tokens = answer.get("tokens") if isinstance(answer, dict) else None
    if not tokens or not isinstance(mark, str) or number is None or tokens[0] == number:
        return ""
    return mark
