"""What was measured of a cell, and the figures that follow from it."""

from dataclasses import dataclass

from experiments.benchmarking.cell import OURS, Cell
from experiments.benchmarking.figures import Spread, fastest, ratio, spread
from experiments.benchmarking.measuring import Bursts
from experiments.benchmarking.work import INFERENCE, TRAINING


@dataclass(frozen=True)
class Result:
    """Times by contestant and part; ours are held against PyTorch's in the format in which the whole is faster."""

    cell: Cell
    bursts: dict[str, Bursts]

    def parts(self) -> list[str]:
        """All that was measured, in the order in which it is done."""
        return list(self.bursts[OURS])

    def opponent(self, part: str) -> str | None:
        """The format of PyTorch that counts for a part; none if PyTorch was not there."""
        whole = INFERENCE if part.startswith(INFERENCE) else TRAINING
        theirs = {name: bursts[whole] for name, bursts in self.bursts.items() if name != OURS}
        return fastest(theirs) if theirs else None

    def seconds(self, contestant: str, part: str) -> Spread:
        """How long a part takes."""
        return spread(self.bursts[contestant][part])

    def ratio(self, part: str) -> Spread | None:
        """Our time by PyTorch's; none if PyTorch was not there."""
        opponent = self.opponent(part)
        return ratio(self.bursts[OURS][part], self.bursts[opponent][part]) if opponent else None
