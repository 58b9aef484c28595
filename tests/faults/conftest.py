"""Where the trials of a session take place."""

from collections.abc import Iterator

import pytest

from tests.faults.ground import Ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()
