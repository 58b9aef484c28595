"""What no machine can do is refused before anything is made; what one might is left to it."""

from pathlib import Path
from typing import Any

import pytest

from experiments.config.validation import ConfigError, validate
from tests.runner.configs import changed, cnn_bn, lenet5, residual_net, small_config, step
from tests.runner.conftest import Command

WEIGHTS, LAYERS, PIXELS = "1,000,000,000,000 weights", "1,000 layers", "1,000,000,000,000 pixels"
VALUES = "1,000,000,000 values of one"

# what is changed, the key that the answer begins with, the rule
TOO_LARGE: list[tuple[dict[str, Any], str, str]] = [
    ({"data.train_size": 10**15}, "data.train_size=1000000000000000, ", PIXELS),
    ({"data.train_size": 10**30}, "data.train_size=1", PIXELS),
    ({"data.test_size": 10**30}, "data.train_size=24, test_size=1", PIXELS),
    ({"data.height": 10**7, "data.width": 10**7}, "data.train_size=24, ", PIXELS),
    ({"data.channels": 10**30}, "data.train_size=24, ", PIXELS),
    ({"data.batch_size": 10**30}, "data.batch_size=1", "at most 1,000,000,000"),
    ({"model.channels": [10**9]}, "model.channels=[1000000000], ", VALUES),
    ({"model.channels": [10**9], "data.height": 2, "data.width": 2}, "model.channels=[1000000000], ", VALUES),
    ({"model.channels": [10**6, 10**6]}, "model.channels=[1000000, 1000000], ", WEIGHTS),
    ({"model.channels": [1] * 5000, "model.pool": 1}, "model.channels=[1, 1, ", LAYERS),
    ({"model.hidden_size": 10**12}, "model.channels=[2], ", WEIGHTS),
    ({"model.hidden_size": 10**80}, "model.channels=[2], ", WEIGHTS),
    ({"model.padding": 10**9}, "model.padding=1000000000", "at most 1,000,000"),
    ({"model.padding": 10**5}, "model.channels=[2], kernel_size=3, padding=100000, ", VALUES),
    ({"model.stride": 10**30, "model.pool": 1}, "model.stride=1", "at most 1,000,000"),
    ({"model": cnn_bn(kernel_size=10**30)}, "model.kernel_size=1", "at most 1,000,000"),
    ({"model": cnn_bn(kernel_size=10**6)}, "model.channels=[2], blocks=1, kernel_size=1000000 on ", WEIGHTS),
    ({"model": cnn_bn(blocks=10**6)}, "model.channels=[2], blocks=1000000, ", LAYERS),
    ({"model": residual_net(blocks=10**30)}, "model.channels=[2], blocks=1", LAYERS),
    ({"model": residual_net(channels=[10**6, 10**6])}, "model.channels=[1000000, 1000000], ", WEIGHTS),
    ({"trainer.threads": 10**6}, "trainer.threads=1000000", "at most 1,024"),
    ({"trainer.epochs": 10**30}, "trainer.epochs=1", "at most 1,000,000"),
    ({"trainer.evaluation_batch_size": 10**30}, "trainer.evaluation_batch_size=1", "at most 1,000,000,000"),
    ({"trainer.train_accuracy_images": 10**30}, "trainer.train_accuracy_images=1", "at most 1,000,000,000"),
    ({"schedule": step(step_epochs=10**30)}, "schedule.step_epochs=1", "at most 1,000,000,000"),
]
# What takes a large machine, or a long time.
LARGE: list[dict[str, Any]] = [
    {"data.train_size": 10**8, "data.height": 32, "data.width": 32},
    {"data.height": 4096, "data.width": 4096},
    {"data.height": 4096, "data.width": 4096, "model": lenet5()},
    {"model.channels": [4096], "model.hidden_size": 10**6},
    {"model.channels": [1] * 1000, "model.pool": 1},
    {"model": residual_net(channels=[4096, 4096], blocks=100)},
    {"trainer.epochs": 10**6},
    {"trainer.threads": 1024},
]


@pytest.mark.parametrize(("changes", "start", "rule"), TOO_LARGE, ids=lambda part: str(part)[:60])
def test_what_no_machine_can_do_is_refused_in_a_line(
    changes: dict[str, Any], start: str, rule: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(changed(small_config(tmp_path), changes))
    line = str(caught.value).splitlines()[0]
    assert line.startswith(start)
    assert rule in line
    assert len(line) < 400


@pytest.mark.parametrize("changes", LARGE, ids=str)
def test_what_a_machine_might_do_is_left_to_it(changes: dict[str, Any], tmp_path: Path) -> None:
    validate(changed(small_config(tmp_path), changes))


def test_run_that_does_not_fit_into_memory_ends_in_a_line(words: list[str], train_command: Command) -> None:
    size = 10**10  # units: their weights, 3 TB, pass, and no machine has the memory
    code, _, err = train_command(*words, f"model.hidden_size={size}")
    assert code == 1
    assert err.splitlines()[-1].startswith("not enough memory (Unable to allocate ")
    assert "Traceback" not in err
