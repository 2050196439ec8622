"""Asking the gateway what it would do with a text, by a way by which it can send nothing."""

import time
from typing import Any, Final

import httpx2

from appliance.errors import BackendUnavailable
from appliance.synthesis.backends.chatgpt.client import GatewayPlace

_PATH: Final = "/v1/inspect"
_TOO_MANY: Final = 429
_TRIES: Final = 5
_LONGEST_WAIT_S: Final = 60.0
# Said of who asks, or of the gateway itself; all other rules are about the text.
_NOT_OF_THE_TEXT: Final = frozenset({"unknown-caller", "model-not-listed", "unforeseen"})


class GatewayQuestion:
    """Would it pass?

    Args:
        place: Where the gateway is.
        model: One that its policy lists.
        timeout_s: For one question.
    """

    def __init__(self, place: GatewayPlace, model: str, timeout_s: float) -> None:
        transport = httpx2.HTTPTransport(uds=place.socket or None, trust_env=False)
        self._client = httpx2.Client(
            base_url=place.base_url,
            transport=transport,
            timeout=timeout_s,
            trust_env=False,
            headers={"authorization": f"Bearer {place.token}"},
        )
        self._model = model

    def would_pass(self, text: str) -> bool:
        """Whether the gateway would let a request of that text leave.

        Raises:
            BackendUnavailable: It does not answer, or not this question.
        """
        body = {"model": self._model, "messages": [{"role": "user", "content": text}]}
        rule = None
        try:
            answer = self._post(body)
            if answer.is_success:
                rule = str(answer.json()["rule"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            rule = None
        # Outside the block: the client's errors hold the request.
        if rule is None or rule in _NOT_OF_THE_TEXT:
            raise BackendUnavailable(
                "The gateway did not say what it would do with a text.",
                "Start it with `appliance gateway serve`, of this release, as a caller whom "
                "gateway.toml names; then audit again.",
            )
        return not rule

    def is_reachable(self) -> bool:
        """Whether anybody listens there at all, whatever is answered."""
        try:
            self._client.get("/livez")
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return False
        except httpx2.HTTPError:
            return True
        return True

    def _post(self, body: dict[str, Any]) -> httpx2.Response:
        """The answer; where the gateway asks to wait, it is asked again after that."""
        answer = self._client.post(_PATH, json=body)
        for _ in range(_TRIES):
            if answer.status_code != _TOO_MANY:
                break
            time.sleep(min(_LONGEST_WAIT_S, float(answer.headers.get("retry-after", 1))))
            answer = self._client.post(_PATH, json=body)
        return answer

    def close(self) -> None:
        """The connection is closed."""
        self._client.close()
