"""What is kept at a place: all that going on takes; and nothing is taken up from a file that cannot be of this run."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_core import SGD, Adam, AdamW, Optimizer, RMSprop, Sequential, load_state, save_state, simple_cnn
from experiments.training.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights, weights_digest
from experiments.training.loop import Place

OTHERS: dict[str, type[Adam | RMSprop]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop}


def network(hidden_size: int = 6, *, seed: int = 0) -> Sequential:
    return simple_cnn((1, 4, 4), 3, channels=[2], hidden_size=hidden_size, rng=np.random.default_rng(seed))


def trained(model: Sequential, optimizer: Optimizer, steps: int = 3) -> None:
    rng = np.random.default_rng(1)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad[...] = rng.standard_normal(parameter.grad.shape)
        optimizer.step()


def loaded(path: Path, model: Sequential, optimizer: Optimizer) -> Place:
    """What a checkpoint is taken up as where there are ten epochs of three batches."""
    return load_checkpoint(path, model, optimizer, epochs=10, steps=3)


def state(model: Sequential, optimizer: Optimizer) -> dict[str, bytes]:
    arrays = {**model.state_dict(), **optimizer.state_dict()}
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.npz"


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam", "adamw", "rmsprop"])
def test_everything_comes_back(kind: str, path: Path) -> None:
    def optimizer(model: Sequential) -> Optimizer:
        if kind in OTHERS:
            return OTHERS[kind](model.parameters())
        return SGD(model.parameters(), lr=0.1, momentum=0.9 if kind == "momentum" else 0.0)

    model, other = network(), network(seed=9)
    first, second = optimizer(model), optimizer(other)
    trained(model, first, steps=5)
    place = Place(1, 2, loss=0.1 + 0.2, seconds=1e-300)
    save_checkpoint(path, model, first, place)
    assert loaded(path, other, second) == place
    assert state(other, second) == state(model, first)
    trained(model, first)
    trained(other, second)
    assert state(other, second) == state(model, first)


def test_new_checkpoint_takes_the_place_of_the_old_one(path: Path) -> None:
    model = network()
    optimizer = Adam(model.parameters())
    for place in (Place(1), Place(2)):
        trained(model, optimizer)
        save_checkpoint(path, model, optimizer, place)
    assert loaded(path, model, optimizer) == Place(2)
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.npz"]


def test_file_can_be_read_with_numpy_alone(path: Path) -> None:
    model = network()
    save_checkpoint(path, model, Adam(model.parameters()), Place(3))
    with np.load(path, allow_pickle=False) as arrays:
        assert int(arrays["epoch"]) == 3
        assert np.array_equal(arrays["model/conv1.weight"], model.state_dict()["conv1.weight"])


@pytest.mark.parametrize("damage", ["cut short", "empty", "text"])
def test_damaged_file_is_refused_and_named(damage: str, path: Path) -> None:
    model = network()
    optimizer = Adam(model.parameters())
    save_checkpoint(path, model, optimizer, Place(3))
    whole = path.read_bytes()
    path.write_bytes({"cut short": whole[: len(whole) // 2], "empty": b"", "text": b"not an archive"}[damage])
    before = state(model, optimizer)
    with pytest.raises(ValueError, match=r"checkpoint\.npz is not a whole \.npz file"):
        loaded(path, model, optimizer)
    assert state(model, optimizer) == before


def test_byte_that_flipped_is_noticed(path: Path) -> None:
    model = network()
    optimizer = Adam(model.parameters())
    save_checkpoint(path, model, optimizer, Place(3))
    whole = bytearray(path.read_bytes())
    position = whole.index(model.state_dict()["fc1.weight"].tobytes()[:16])
    whole[position] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(ValueError, match="not a whole"):
        loaded(path, model, optimizer)


def test_file_of_another_network_is_refused(path: Path) -> None:
    model, other = network(6), network(7)
    save_checkpoint(path, model, SGD(model.parameters(), lr=0.1), Place(3))
    with pytest.raises(ValueError, match=r"fc1\.weight must be float32 of shape"):
        loaded(path, other, SGD(other.parameters(), lr=0.1))


def test_file_of_another_optimizer_is_refused(path: Path) -> None:
    model = network()
    save_checkpoint(path, model, SGD(model.parameters(), lr=0.1, momentum=0.9), Place(3))
    with pytest.raises(ValueError, match="the state does not fit"):
        loaded(path, model, Adam(model.parameters()))


def test_archive_that_is_no_checkpoint_is_refused(path: Path) -> None:
    model = network()
    np.savez(path, something=np.zeros(3))
    with pytest.raises(ValueError, match=r"checkpoint\.npz is no checkpoint: it has no 'epoch'"):
        loaded(path, model, Adam(model.parameters()))


def test_pickled_objects_are_never_read(path: Path) -> None:
    model = network()
    np.savez(path, allow_pickle=True, epoch=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="not a whole"):
        loaded(path, model, Adam(model.parameters()))


def test_missing_file_is_an_error_of_its_own(path: Path) -> None:
    model = network()
    with pytest.raises(FileNotFoundError):
        loaded(path, model, Adam(model.parameters()))


# Of ten epochs of three batches; the optimizer has taken 7 steps.
MIDWAY = {"epoch": np.array(2), "batches": np.array(1), "loss": np.array(0.5), "seconds": np.array(1.5)}


def written(path: Path, changes: dict[str, Any], *, steps: int = 7) -> tuple[Sequential, Optimizer]:
    """Write a checkpoint by hand, and return what it is of."""
    model = network()
    optimizer = Adam(model.parameters())
    trained(model, optimizer, steps)
    arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
    arrays |= {f"optimizer/{name}": array for name, array in optimizer.state_dict().items()}
    save_state(path, arrays | {name: np.asarray(value) for name, value in (MIDWAY | changes).items()})
    return model, optimizer


@pytest.mark.parametrize(
    ("place", "steps"), [((2, 1), 7), ((2, 2), 8), ((0, 1), 1), ((9, 2), 29)], ids=["as it is", "last", "first", "end"]
)
def test_place_that_can_be_is_taken_up(place: tuple[int, int], steps: int, path: Path) -> None:
    epochs, batches = place
    model, optimizer = written(path, {"epoch": epochs, "batches": batches}, steps=steps)
    assert loaded(path, model, optimizer) == Place(epochs, batches, 0.5, 1.5)


CHANGES: dict[str, dict[str, Any]] = {
    "epoch below none": {"epoch": -1},
    "more epochs than there are": {"epoch": 11, "batches": 0},
    "more after the last epoch": {"epoch": 10, "batches": 1},
    "batches below none": {"batches": -1},
    "all batches of an epoch": {"batches": 3},
    "more batches than an epoch has": {"batches": 4},
    "numbers beyond all arithmetic": {"epoch": 2**62, "batches": 2**62},
    "loss that is no number": {"loss": np.nan},
    "loss without end": {"loss": np.inf},
    "loss below none": {"loss": -0.5},
    "seconds that are no number": {"seconds": np.nan},
    "seconds below none": {"seconds": -1.0},
    "loss in single precision": {"loss": np.float32(0.5)},
    "loss of another byte order": {"loss": np.array(0.5, ">f8")},
    "epoch with a fraction": {"epoch": 2.5},
    "epoch as a float": {"epoch": 2.0},
    "epoch of another size": {"epoch": np.int32(2)},
    "true epoch": {"epoch": np.True_},
    "several epochs": {"epoch": [2, 2]},
    "no batches": {"batches": []},
    "steps of another place": {"epoch": 3},
    "steps below none": {"optimizer/steps": -7},
    "loss of no batches": {"epoch": 2, "batches": 0, "optimizer/steps": 6, "seconds": 0.0},
    "seconds of no batches": {"epoch": 2, "batches": 0, "optimizer/steps": 6, "loss": 0.0},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_place_that_cannot_be_is_refused(changes: dict[str, Any], path: Path) -> None:
    model, optimizer = written(path, changes)
    with pytest.raises(ValueError, match=r"checkpoint\.npz (is no checkpoint|cannot be|is not a whole)"):
        loaded(path, model, optimizer)


@pytest.mark.parametrize("name", MIDWAY)
def test_place_is_whole(name: str, path: Path) -> None:
    model, optimizer = written(path, {})
    arrays = load_state(path)
    del arrays[name]
    save_state(path, arrays)
    with pytest.raises(ValueError, match=rf"checkpoint\.npz is no checkpoint: it has no '{name}'"):
        loaded(path, model, optimizer)


def test_file_that_is_larger_than_this_runs_is_refused_by_its_size(path: Path) -> None:
    model, optimizer = written(path, {"model/more": np.zeros(1)})
    with pytest.raises(ValueError, match="more than the limit of"):
        loaded(path, model, optimizer)


def test_digest_is_of_every_parameters_name_type_shape_and_bytes() -> None:
    expected = hashlib.sha256()
    model = network()
    for name, value in model.state_dict().items():
        expected.update(f"{name} <f4 {value.shape}\n".encode() + value.tobytes())
    assert weights_digest(model) == expected.hexdigest()


def test_digest_tells_every_bit_apart() -> None:
    model = network()
    before = weights_digest(model)
    value = model.parameters()[-1].value
    value[0] = np.nextafter(value[0], 1)
    assert weights_digest(model) != before


# The weights alone


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tmp_path / "weights.npz"


def test_weights_come_back_under_the_names_of_the_state(weights: Path) -> None:
    model, other = network(), network(seed=9)
    save_weights(weights, model)
    with np.load(weights, allow_pickle=False) as arrays:
        assert list(arrays.files) == list(model.state_dict())
    load_weights(weights, other, digest=weights_digest(model))
    assert weights_digest(other) == weights_digest(model)


def test_other_weights_than_the_digest_says_are_refused(weights: Path) -> None:
    save_weights(weights, network(seed=9))
    with pytest.raises(ValueError, match=r"weights\.npz has other weights than the run finished with"):
        load_weights(weights, network(), digest=weights_digest(network()))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (network(5).state_dict(), "fc1.weight must be float32 of shape"),
        ({name: array.astype(np.float16) for name, array in network().state_dict().items()}, "must be float32"),
        ({"conv1.weight": np.zeros(3, np.float32)}, "does not fit"),
        ({"x": np.zeros(1 << 16)}, "more than the limit"),
    ],
    ids=["shape", "dtype", "names", "size"],
)
def test_weights_of_another_network_are_refused(arrays: dict[str, Any], said: str, weights: Path) -> None:
    save_state(weights, arrays)
    with pytest.raises(ValueError, match=rf"weights\.npz.*{said}"):
        load_weights(weights, network())


def test_pickled_weights_are_never_read(weights: Path) -> None:
    np.savez(weights, allow_pickle=True, **{"conv1.weight": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="not a whole"):
        load_weights(weights, network())
