"""Layers, loss, optimizers and short trainings give what PyTorch gave when the golden values were made."""

import numpy as np
import numpy.typing as npt
import pytest

from cnn_core import CrossEntropyLoss, Parameter
from tests.core.arrays import Array, distance
from tests.core.networks import NETWORKS
from tests.golden.cases import CURVE_STEPS, CURVES, LAYERS, OPTIMIZERS, SMOOTHINGS
from tests.golden.files import FOLDER, read
from tests.training_curve import train

TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}
CURVE_TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def assert_golden(found: Array, golden: Array, what: str) -> None:
    far = distance(found, golden)
    assert far <= TOLERANCE[found.dtype], f"{what}: {far:.1e} apart"


@both_dtypes
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str, dtype: npt.DTypeLike) -> None:
    layer, golden = LAYERS[name].build(dtype), read(name)
    layer.load_state_dict({key: array.astype(dtype) for key, array in golden.group("before").items()})
    x, dy = golden["x"].astype(dtype), golden["dy"].astype(dtype)
    found = {"y": layer.forward(x), "dx": layer.backward(dy)}
    found |= {f"gradient.{key}": parameter.grad for key, parameter in layer.named_parameters()}
    found |= {f"after.{key}": array for key, array in layer.state_dict().items()}
    found["evaluated"] = layer.evaluate().forward(x)
    assert found.keys() == {key for key in golden if key not in {"x", "dy"} and not key.startswith("before.")}
    for key, array in found.items():
        assert array.dtype == dtype
        assert_golden(array, golden[key], key)


@both_dtypes
@pytest.mark.parametrize("name", SMOOTHINGS)
def test_loss(name: str, dtype: npt.DTypeLike) -> None:
    loss, golden = CrossEntropyLoss(SMOOTHINGS[name]), read(name)
    value = loss.forward(golden["logits"].astype(dtype), golden["labels"])
    assert_golden(np.asarray(value, dtype), golden["loss"], "loss")
    assert_golden(loss.backward(), golden["gradient"], "gradient")


@both_dtypes
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name: str, dtype: npt.DTypeLike) -> None:
    golden = read(name)
    parameter = Parameter(golden["before"].astype(dtype))
    optimizer = OPTIMIZERS[name]([parameter])
    for number, (gradient, after) in enumerate(zip(golden["gradients"], golden["after"], strict=True), start=1):
        parameter.grad[...] = gradient
        optimizer.step()
        assert_golden(parameter.value, after, f"step {number}")


@both_dtypes
@pytest.mark.parametrize("name", CURVES)
def test_training(name: str, dtype: npt.DTypeLike) -> None:
    case, golden, tolerance = CURVES[name], read(name), CURVE_TOLERANCE[np.dtype(dtype)]
    network = NETWORKS[case.network](dtype)
    network.load_state_dict({key: array.astype(dtype) for key, array in golden.group("before").items()})
    curve = train(network, case.optimize(network.parameters()), dtype, CURVE_STEPS)
    assert np.abs(curve.losses - golden["losses"]).max() <= tolerance
    assert curve.state.keys() == golden.group("after").keys()
    for key, array in golden.group("after").items():
        assert np.abs(curve.state[key] - array).max() <= tolerance, key


def test_every_file_is_tested() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {*LAYERS, *SMOOTHINGS, *OPTIMIZERS, *CURVES}
