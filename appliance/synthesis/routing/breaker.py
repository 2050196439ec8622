"""The circuit breaker: after enough failures in a row nobody asks for a while, then one tries."""


class Breaker:
    """Health of one route, as its answers show it.

    Times are seconds of any clock that does not step back.

    Args:
        failures_to_open: So many in a row are an outage.
        cool_down_s: For so long after the last of them nobody asks.
    """

    def __init__(self, failures_to_open: int, cool_down_s: float) -> None:
        self._failures_to_open = failures_to_open
        self._cool_down_s = cool_down_s
        self._failures = 0
        self._failed_at = 0.0
        self._is_probing = False

    def is_usable(self, now: float) -> bool:
        """Whether the route may be asked; after a cool-down, by one request at a time."""
        if self._failures < self._failures_to_open:
            return True
        return not self._is_probing and now - self._failed_at >= self._cool_down_s

    def began(self) -> None:
        """A request is on its way; while the route is in doubt it is the only one."""
        self._is_probing = self._failures >= self._failures_to_open

    def succeeded(self) -> None:
        """The route answered: it is well."""
        self._failures = 0
        self._is_probing = False

    def failed(self, now: float) -> None:
        """The route did not answer."""
        self._failures += 1
        self._failed_at = now
        self._is_probing = False
