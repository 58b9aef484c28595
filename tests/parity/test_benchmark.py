"""What the benchmark compares: both libraries compute the same function, part by part, on threads of their own."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from cnn_core import CrossEntropyLoss
from experiments.benchmarking.cell import Cell, measure
from experiments.benchmarking.measuring import Lap
from experiments.benchmarking.nets import NETS, build_net, random_images
from experiments.benchmarking.numpy_work import NumpyWork
from experiments.benchmarking.pytorch_work import FORMATS, PyTorchWork, awake_seconds
from tests.parity.compare import assert_same

nets = pytest.mark.parametrize("net", NETS)
formats = pytest.mark.parametrize("memory_format", FORMATS)

IMAGES = random_images(8)


@pytest.fixture(autouse=True)
def one_thread_afterwards() -> Iterator[None]:
    yield
    torch.set_num_threads(1)


def both(net: str, memory_format: str, threads: int = 1) -> tuple[NumpyWork, PyTorchWork]:
    made = build_net(net)
    return NumpyWork(made, IMAGES, threads), PyTorchWork(made, IMAGES, threads, memory_format)


def laps(method: Callable[[Lap], None]) -> list[str]:
    noted: list[str] = []
    method(noted.append)
    return noted


def gradients(work: PyTorchWork, monkeypatch: pytest.MonkeyPatch, step: Callable[[Lap], None]) -> dict[str, Any]:
    """What a step leaves in the gradients, which it would drop at its end."""
    monkeypatch.setattr(torch.optim.SGD, "zero_grad", lambda *_, **__: None)
    with work.ready(training=True):
        step(lambda _: None)
    return {
        f"{name}.{own}": parameter.grad for name, layer in work.layers for own, parameter in layer.named_parameters()
    }


@nets
@formats
def test_inference_is_the_same(net: str, memory_format: str) -> None:
    made = build_net(net)
    work = PyTorchWork(made, IMAGES, 1, memory_format)
    with work.ready(training=False):
        expected = work.net(torch.from_numpy(IMAGES.pixels.copy(order="C")))
    assert_same(made.evaluate()(IMAGES.pixels), expected)


@nets
@formats
@pytest.mark.parametrize("step", ["train", "train_by_layer"])
def test_a_training_step_is_the_same(net: str, memory_format: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build_net(net)
    work = PyTorchWork(made, IMAGES, 1, memory_format)
    found = gradients(work, monkeypatch, getattr(work, step))
    loss = CrossEntropyLoss()
    loss.forward(made.train()(IMAGES.pixels), IMAGES.labels)
    made.parameter_gradients(loss.backward())
    ours = dict(made.named_parameters())
    assert ours.keys() == found.keys()
    for name, gradient in found.items():
        assert_same(ours[name].grad, gradient, name)


@nets
@formats
def test_memory_lies_as_asked_for(net: str, memory_format: str) -> None:
    _, work = both(net, memory_format)
    weights = [weight for weight in work.net.parameters() if weight.ndim == 4]
    assert weights
    assert all(weight.is_contiguous(memory_format=FORMATS[memory_format]) for weight in weights)


@nets
def test_both_time_the_same_parts(net: str) -> None:
    ours, theirs = both(net, "contiguous")
    assert laps(theirs.train) == laps(ours.train)
    assert set(laps(theirs.train_by_layer)) == set(laps(ours.train_by_layer))
    with ours.ready(training=False), theirs.ready(training=False):
        assert laps(theirs.infer) == laps(ours.infer)
        assert set(laps(theirs.infer_by_layer)) == set(laps(ours.infer_by_layer))


def test_parts_are_timed_in_the_order_in_which_they_are_done() -> None:
    _, work = both("b", "contiguous")
    names = [name for name, _ in work.layers]
    assert names == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "fc1", "relu3", "fc2"]
    assert laps(work.train_by_layer) == [
        *(f"forward {name}" for name in names),
        "loss",
        *(f"backward {name}" for name in reversed(names)),
        "step",
    ]


def test_layers_follow_one_another_as_pytorchs_users_write_them() -> None:
    _, work = both("c", "contiguous")
    kinds = [(name, type(layer).__name__) for name, layer in work.layers]
    assert kinds[:4] == [
        ("stage1.conv1", "Conv2d"),
        ("stage1.norm1", "BatchNorm2d"),
        ("stage1.relu1", "ReLU"),
        ("stage1.norm1", "MaxPool2d"),  # in ours, a part of the normalisation
    ]
    assert kinds[12:] == [("mean", "AdaptiveAvgPool2d"), ("mean", "Flatten"), ("fc", "Linear")]


@pytest.mark.parametrize("threads", [1, 2])
def test_limits_on_our_blas_leave_pytorch_its_threads(threads: int) -> None:
    _, work = both("a", "contiguous", threads)
    with threadpool_limits(1, user_api="blas"), work.ready(training=True):
        assert torch.get_num_threads() == threads
        assert f"mkl_get_max_threads() : {threads}" in torch.__config__.parallel_info()


def test_pytorch_records_no_graph_in_inference() -> None:
    _, work = both("a", "contiguous")
    with work.ready(training=False):
        assert torch.is_inference_mode_enabled()
        assert not work.net.training
    with work.ready(training=True):
        assert not torch.is_inference_mode_enabled()
        assert work.net.training


def test_one_thread_has_nobody_who_stays_awake() -> None:
    assert awake_seconds(1) < 0.01


def test_a_cell_measures_all_contestants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.benchmarking.measuring._BURST_SECONDS", 0.0)
    measured = measure(Cell("b", 2, 1), 0.0)
    assert list(measured) == ["ours", *FORMATS]
    assert measured["ours"].keys() == measured["contiguous"].keys() == measured["channels_last"].keys()
    assert all(np.min(bursts) > 0 for parts in measured.values() for bursts in parts.values())
