"""Asking the gateway what it would do with a text, by a way by which it can send nothing."""

from typing import Final

import httpx2

from appliance.errors import BackendUnavailable
from appliance.synthesis.backends.chatgpt.client import GatewayPlace

_PATH: Final = "/v1/inspect"
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
            answer = self._client.post(_PATH, json=body)
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

    def close(self) -> None:
        """The connection is closed."""
        self._client.close()
