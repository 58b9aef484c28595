"""Time that passes only when a test says so."""


class Clock:
    """Seconds since the test began; `tick` of them pass whenever somebody looks."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self._tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
