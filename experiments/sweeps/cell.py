"""One run of a sweep, as a process needs to know it that carries it out: no Hydra."""

from dataclasses import dataclass

from experiments.config.schema import Config
from experiments.runs.identity import identity


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: `name` says what sets it apart, `lr=0.1 batch_size=64`."""

    name: str
    overrides: dict[str, str]
    config: Config

    @property
    def identity(self) -> str:
        """The run's identity."""
        return identity(self.config)
