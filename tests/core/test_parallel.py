"""Threads: the same bits for any number of them, errors that arrive, blocks that cover everything once."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from cnn_core import (
    GELU,
    SGD,
    Adam,
    AdamW,
    AvgPool2d,
    BatchNorm2d,
    BatchNormMaxPool2d,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    GlobalAvgPool2d,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Module,
    Optimizer,
    Parameter,
    ReLU,
    Residual,
    RMSprop,
    Sequential,
    Sigmoid,
    Tanh,
    parallel,
    simple_cnn,
)
from tests.core.arrays import Array, examples, normal, randomize
from tests.core.cases import Redrawn


@pytest.fixture(autouse=True)
def _one_blas_thread() -> Iterator[None]:
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def large_conv() -> Module:
    return Conv2d(8, 6, 3, padding=1, rng=np.random.default_rng(0))


def strided_conv() -> Module:
    return Conv2d(8, 6, (5, 3), stride=(2, 1), padding=(2, 0), rng=np.random.default_rng(0))


def dilated_conv() -> Module:
    return Conv2d(8, 6, 3, padding=(3, 2), dilation=(3, 2), stride=(2, 1), rng=np.random.default_rng(0))


def grouped_conv() -> Module:
    return Conv2d(8, 12, 3, padding=1, groups=4, rng=np.random.default_rng(0))


def depthwise_conv() -> Module:
    return Conv2d(8, 8, (4, 3), padding="same", groups=8, bias=False, rng=np.random.default_rng(0))


def pointwise_conv() -> Module:
    return Conv2d(8, 16, 1, rng=np.random.default_rng(0))


def large_linear() -> Module:
    return Linear(1568, 128, rng=np.random.default_rng(0))


def network() -> Module:
    return simple_cnn((8, 28, 27), 10, channels=[8, 16], pool=2, rng=np.random.default_rng(0))


def normalised_network() -> Module:
    rng = np.random.default_rng(0)
    return Sequential(
        conv=Conv2d(8, 16, 3, padding="same", dilation=2, groups=2, bias=False, rng=rng),
        norm=BatchNorm2d(16),
        pool=MaxPool2d(2),
        relu=ReLU(),
        mean=GlobalAvgPool2d(),
        fc=Linear(16, 10, rng=rng),
    )


IMAGES = (64, 8, 28, 27)
MORE_CHANNELS = (64, 24, 28, 27)  # as many blocks as threads even where a block is as large as the cache
LARGE = {
    "conv": (large_conv, IMAGES),
    "conv with stride": (strided_conv, IMAGES),
    "conv with dilation": (dilated_conv, IMAGES),
    "conv with groups": (grouped_conv, IMAGES),
    "conv of single channels": (depthwise_conv, IMAGES),
    "conv of one tap": (pointwise_conv, IMAGES),
    "batch norm": (lambda: BatchNorm2d(24), MORE_CHANNELS),
    "batch norm and max pool": (lambda: BatchNormMaxPool2d(24, 2), MORE_CHANNELS),
    "linear": (large_linear, (64, 1568)),
    "average pool": (lambda: AvgPool2d(2), IMAGES),
    "average pool with overlap": (lambda: AvgPool2d(3, stride=2), IMAGES),
    "leaky relu": (LeakyReLU, IMAGES),
    "gelu": (GELU, IMAGES),
    "tanh": (Tanh, IMAGES),
    "sigmoid": (Sigmoid, IMAGES),
    "dropout": (lambda: Redrawn(drop=Dropout(0.3)), IMAGES),
    "residual": (lambda: Residual(ReLU()), IMAGES),
    "pool": (lambda: MaxPool2d(2), MORE_CHANNELS),
    "pool with overlap": (lambda: MaxPool2d(3, stride=2), IMAGES),
    "global average pool": (GlobalAvgPool2d, IMAGES),
    "relu": (ReLU, MORE_CHANNELS),
    "simple_cnn": (network, IMAGES),
    "normalised network": (normalised_network, IMAGES),
}


def step(module: Module, x: Array) -> dict[str, bytes]:
    """All that a forward and a backward pass give."""
    y = module.forward(x)
    dx = module.backward(normal(2, *y.shape, dtype=np.float32))
    return {
        "y": y.tobytes(),
        "dx": dx.tobytes(),
        **{f"gradient of {name}": parameter.grad.tobytes() for name, parameter in module.named_parameters()},
        **{name: array.tobytes() for name, array in module.state_dict().items()},
    }


@pytest.mark.parametrize("name", LARGE)
def test_bits_do_not_depend_on_the_number_of_threads(name: str) -> None:
    make, shape = LARGE[name]
    x = normal(1, *shape, dtype=np.float32)

    def found() -> dict[str, bytes]:
        module = make()  # afresh: running statistics remember
        randomize(module, seed=3)
        return step(module, x)

    expected = found()
    for count in (1, 2, 3, 5, 7):
        with parallel.threads(count):
            again = found()
        assert [key for key in expected if again[key] != expected[key]] == []


@pytest.mark.parametrize("build", [network, normalised_network])
@pytest.mark.parametrize(
    "make",
    [partial(SGD, lr=0.1, momentum=0.9, nesterov=True), Adam, AdamW, RMSprop],
    ids=["sgd", "adam", "adamw", "rmsprop"],
)
def test_bits_of_training_do_not_depend_on_the_number_of_threads(
    make: Callable[[list[Parameter]], Optimizer],
    build: Callable[[], Module],
) -> None:
    x, labels = normal(1, 16, *IMAGES[1:], dtype=np.float32), np.arange(16) % 10

    def trained(count: int) -> dict[str, bytes]:
        net, loss = build(), CrossEntropyLoss()
        optimizer = make(net.parameters())
        with parallel.threads(count):
            for _ in range(3):
                loss.forward(net.forward(x), labels)
                net.parameter_gradients(loss.backward())
                optimizer.step()
        return {name: array.tobytes() for name, array in net.state_dict().items()}

    expected = trained(1)
    assert all(trained(count) == expected for count in (2, 3, 5, 7))


@pytest.mark.parametrize("name", sorted(LARGE.keys() - {"global average pool"}))
def test_large_layers_use_the_threads_they_are_given(name: str) -> None:
    make, shape = LARGE[name]
    module, x = make(), normal(1, *shape, dtype=np.float32)
    before = threading.active_count()
    with parallel.threads(3):
        module.forward(x)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_without_a_context_everything_runs_on_the_calling_thread() -> None:
    seen = set()
    parallel.for_each(lambda _: seen.add(threading.get_ident()), range(10))
    assert seen == {threading.get_ident()}


def test_number_of_threads_holds_until_the_context_ends() -> None:
    def used() -> int:
        barrier = threading.Barrier(2)
        seen = set()

        def block(_: int) -> None:
            seen.add(threading.get_ident())
            if inside:
                barrier.wait(timeout=60)

        parallel.for_each(block, [1, 2])
        return len(seen)

    inside = True
    with parallel.threads(2):
        assert used() == 2
        inside = False
        with parallel.threads(1):
            assert used() == 1
        inside = True
        assert used() == 2
    inside = False
    assert used() == 1


def test_number_of_threads_is_put_back_after_an_error() -> None:
    with pytest.raises(KeyError), parallel.threads(3):
        raise KeyError
    test_without_a_context_everything_runs_on_the_calling_thread()


@examples(40)
@given(blocks=st.lists(st.integers(), max_size=20), count=st.integers(1, 8))
def test_every_block_is_done_exactly_once(blocks: list[int], count: int) -> None:
    done: list[int] = []
    with parallel.threads(count):
        parallel.for_each(done.append, blocks)
    assert Counter(done) == Counter(blocks)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("broken", range(5))
def test_error_in_any_block_reaches_the_caller(broken: int, count: int) -> None:
    def block(number: int) -> None:
        if number == broken:
            raise ArithmeticError(f"block {number}")

    with parallel.threads(count), pytest.raises(ArithmeticError, match=f"block {broken}"):
        parallel.for_each(block, range(5))


def test_numpys_error_state_holds_on_every_thread() -> None:
    huge, results = np.array([1e308]), []
    with parallel.threads(3), np.errstate(over="ignore"):
        parallel.for_each(lambda _: results.append((huge * 10).item()), range(6))
    assert results == [np.inf] * 6  # else a warning, which is an error here


def test_block_may_hand_out_blocks_of_its_own() -> None:
    code = """
from cnn_core import parallel
done = []
with parallel.threads(2):
    parallel.for_each(lambda _: parallel.for_each(done.append, range(3)), range(4))
print(len(done))
"""
    root = Path(parallel.__file__).parent.parent  # in a process of its own, which can be ended if it waits for itself
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "12\n"


def test_threads_work_on_after_an_error() -> None:
    done: list[int] = []
    with parallel.threads(3):
        with pytest.raises(ZeroDivisionError):
            parallel.for_each(lambda number: 1 // number, range(3))
        parallel.for_each(done.append, range(6))
    assert sorted(done) == list(range(6))


def test_no_block_is_still_running_when_an_error_reaches_the_caller() -> None:
    running, returned, outlived = threading.Event(), threading.Event(), []

    def block(number: int) -> None:
        if number == 0:  # on this thread
            running.wait(timeout=60)
            raise ArithmeticError
        running.set()
        outlived.append(returned.wait(timeout=0.2))

    with parallel.threads(2):
        with pytest.raises(ArithmeticError):
            parallel.for_each(block, range(2))
        returned.set()
    assert outlived == [False]


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_thread_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"threads must be at least 1, got {count}"), parallel.threads(count):
        pass


@examples(60)
@given(length=st.integers(0, 50), size=st.integers(1, 60))
def test_slices_cover_a_length_in_order_in_equal_parts(length: int, size: int) -> None:
    parts = [list(range(length))[part] for part in parallel.slices(length, size)]
    assert [index for part in parts for index in part] == list(range(length))
    assert all(len(part) == size for part in parts[:-1])
    assert all(0 < len(part) <= size for part in parts)
