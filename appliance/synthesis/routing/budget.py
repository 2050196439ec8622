"""The budget of the route chatgpt: never passed, by any number of workers and resumed runs."""

from datetime import UTC, datetime
from typing import Final

from appliance.records.prompts import QUARANTINED, Completion, Draft, SamplingParameters
from appliance.settings.gateway import ModelRule
from appliance.spending.purse import MICRO, Amount, Cap, Purse
from appliance.synthesis.routing.policy import CloudPolicy

# Names, parameters and punctuation of a request, with room to spare.
_AROUND_BYTES: Final = 600


class Budget:
    """Sets aside the worst case of each request, and replaces it by what it cost.

    Args:
        purse: On disk, shared by all runs of the site.
        price: What the model costs.
        policy: The month's caps.
        instruction: Sent beside every prompt.
        corpus: Name of the corpus that is being made.
        corpus_usd: Cap of that corpus, over all its runs; None for the month's alone.
    """

    def __init__(
        self,
        purse: Purse,
        price: ModelRule,
        policy: CloudPolicy,
        instruction: str,
        corpus: str,
        corpus_usd: float | None,
    ) -> None:
        self._purse = purse
        self._around = len(instruction.encode()) + _AROUND_BYTES
        self._price = price
        self._month = Amount(policy.tokens_per_month, round(policy.usd_per_month * MICRO))
        usd = policy.usd_per_month if corpus_usd is None else corpus_usd
        self._corpus = Cap(f"corpus/{corpus}", Amount(policy.tokens_per_month, round(usd * MICRO)))

    def worst_case(self, draft: Draft, parameters: SamplingParameters) -> Amount:
        """The most that one request can cost: no tokenizer makes more tokens than bytes."""
        prompt_tokens = len(draft.prompt.encode("utf-8", "surrogatepass")) * 2 + self._around
        cost = self._price.microusd(prompt_tokens, parameters.max_tokens)
        return Amount(prompt_tokens + parameters.max_tokens, cost)

    def reserve(self, draft: Draft, parameters: SamplingParameters, now: datetime) -> str:
        """The worst case is set aside; returns the reservation.

        Raises:
            Exhausted: It could pass a cap.
        """
        month = Cap(f"month/{now.astimezone(UTC):%Y-%m}", self._month)
        return self._purse.reserve([month, self._corpus], self.worst_case(draft, parameters))

    def settle(self, reservation: str, completion: Completion) -> None:
        """What was set aside becomes what it cost; where nobody can say, it stays."""
        if completion.finish_reason == QUARANTINED:
            return
        tokens = (completion.prompt_tokens, completion.completion_tokens)
        self._purse.settle(reservation, Amount(sum(tokens), self._price.microusd(*tokens)))

    def release(self, reservation: str) -> None:
        """The request cost nothing: the provider refused it."""
        self._purse.settle(reservation, Amount(0, 0))
