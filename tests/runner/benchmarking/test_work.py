"""What is timed does what it says: the naive loops and our own steps, whole and layer by layer."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from cnn_core import CrossEntropyLoss, Sequential
from experiments.benchmarking import naive
from experiments.benchmarking.cell import Cell, measure
from experiments.benchmarking.measuring import Lap
from experiments.benchmarking.naive import naive_seconds, naive_step
from experiments.benchmarking.nets import NETS, build_net, layers, random_images
from experiments.benchmarking.numpy_work import NumpyWork
from experiments.benchmarking.work import LR
from tests.core.arrays import SINGLE, distance
from tests.runner.benchmarking.clock import Clock


def laps(method: Callable[[Lap], None]) -> list[str]:
    noted: list[str] = []
    method(noted.append)
    return noted


def trained(net: str, step: str) -> Sequential:
    """A network after a step, by the method of this name."""
    made = build_net(net)
    work = NumpyWork(made, random_images(4), threads=1)
    with work.ready(training=True):
        getattr(work, step)(lambda _: None)
    return made


@pytest.mark.parametrize("net", NETS)
def test_a_step_is_the_same_to_the_bit_layer_by_layer(net: str) -> None:
    start, whole, layered = build_net(net).state_dict(), trained(net, "train"), trained(net, "train_by_layer")
    for (name, one), (_, other) in zip(whole.named_parameters(), layered.named_parameters(), strict=True):
        assert np.array_equal(one.grad, other.grad), name
        assert np.array_equal(one.value, other.value), name
        assert np.array_equal(one.value, start[name] - np.float32(LR) * one.grad), name
        assert one.grad.any(), name


def test_laps() -> None:
    made = build_net("a")
    work = NumpyWork(made, random_images(2), threads=1)
    names = [name for name, _ in layers(made)]
    assert laps(work.train) == ["training"]
    assert laps(work.train_by_layer) == [
        *(f"forward {name}" for name in names),
        "loss",
        *(f"backward {name}" for name in reversed(names)),
        "step",
    ]
    with work.ready(training=False):
        assert laps(work.infer) == ["inference"]
        assert laps(work.infer_by_layer) == [f"inference {name}" for name in names]


def test_training_trains_and_inference_evaluates() -> None:
    made = build_net("c")
    work = NumpyWork(made, random_images(2), threads=1)
    modes = []
    for training in (True, False, True):
        with work.ready(training=training):
            modes.append({layer.training for _, layer in layers(made)})
    assert modes == [{True}, {False}, {True}]


def test_naive_step_is_ours() -> None:
    made, images = build_net("a"), random_images(2)
    weights = made.state_dict()
    start = made.state_dict()
    gradients = naive_step(weights, images)
    loss = CrossEntropyLoss()
    loss.forward(made(images.pixels), images.labels)
    made.parameter_gradients(loss.backward())
    assert gradients.keys() == weights.keys()
    for name, parameter in made.named_parameters():
        assert distance(gradients[name], parameter.grad) <= SINGLE, name
        assert np.array_equal(weights[name], start[name] - LR * gradients[name]), name


def test_naive_time_is_the_shortest_for_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, times = Clock(), iter([4.0, 3.2])
    monkeypatch.setattr(naive, "naive_step", lambda *_: clock.sleep(next(times)))
    assert naive_seconds(2, clock) == 3.2 / 16


def test_a_cell_measures_wholes_and_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("experiments.benchmarking.measuring._BURST_SECONDS", 0.0)
    measured = measure(Cell("b", 2, 1), 0.0)
    assert set(measured) == {"ours"}
    names = [name for name, _ in layers(build_net("b"))]
    expected = {"training", "inference", "loss", "step"} | {
        f"{what} {name}" for what in ("forward", "backward", "inference") for name in names
    }
    assert set(measured["ours"]) == expected
    assert all(len(bursts) == 5 and min(bursts) > 0 for bursts in measured["ours"].values())
