"""A few trials of every kind of fault. Many are `python -m tests.faults`."""

import pytest

from tests.faults.ground import Ground
from tests.faults.kinds import KINDS, Kind

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("kind", "seed"),
    [pytest.param(kind, seed, id=f"{kind.name}-{seed}") for kind in KINDS for seed in kind.quick],
)
def test_nothing_is_lost(kind: Kind, seed: int, ground: Ground) -> None:
    if obstacle := kind.obstacle():
        pytest.skip(obstacle)
    trial = kind.trial(seed, ground)
    ground.clear()
    assert not trial.lost, str(trial)
