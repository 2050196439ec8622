"""Prometheus metrics, whose labels come from the policy and from fixed lists only."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from appliance.gateway.refusals import Rule
from appliance.spending.purse import MICRO

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Meters:
    """All metrics of one gateway.

    Args:
        callers: Names of the policy's callers; no other name becomes a label.
        models: Names of the policy's models.
    """

    def __init__(self, callers: Iterable[str], models: Iterable[str]) -> None:
        self._registry = CollectorRegistry()
        self._passed = self._counter("passed", "Requests answered.", "caller", "model")
        self._refused = self._counter("refused", "Requests refused.", "rule")
        self._tokens = self._counter("tokens", "Tokens used.", "model", "kind")
        self._cost = self._counter("cost_usd", "Dollars spent.", "model")
        self._incidents = self._counter("incidents", "Replies quarantined.")
        self._in_flight = self._gauge("in_flight", "Requests inside.")
        self._latched = self._gauge("latched", "1 while the door is shut.")
        self._stage = Histogram(
            "appliance_gateway_stage_seconds",
            "Time of a stage.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        for rule in Rule:
            self._refused.labels(rule.value)
        for model in models:
            for caller in callers:
                self._passed.labels(caller, model)

    def passed(self, caller: str, model: str, tokens: tuple[int, int], microusd: int) -> None:
        """A request was answered, with so many tokens in and out."""
        self._passed.labels(caller, model).inc()
        self._cost.labels(model).inc(microusd / MICRO)
        for kind, count in zip(("input", "output"), tokens, strict=True):
            self._tokens.labels(model, kind).inc(count)

    def refused(self, rule: Rule) -> None:
        """A request was refused."""
        self._refused.labels(rule.value).inc()
        if rule is Rule.QUARANTINED:
            self._incidents.inc()

    def took(self, stage: str, seconds: float) -> None:
        """A stage took that long; stages are named by our own code."""
        self._stage.labels(stage).observe(seconds)

    def state(self, in_flight: int, *, is_latched: bool) -> None:
        """How many requests are inside, and whether the door is shut."""
        self._in_flight.set(in_flight)
        self._latched.set(is_latched)

    def expose(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"appliance_gateway_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"appliance_gateway_{name}", what, registry=self._registry)
