"""What is kept after an epoch: all that going on takes; and nothing is taken up from a file that does not fit."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from cnn_core import SGD, Adam, AdamW, Optimizer, RMSprop, Sequential, simple_cnn
from experiments.training.checkpoint import load_checkpoint, save_checkpoint, weights_digest

OTHERS: dict[str, type[Adam | RMSprop]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop}


def network(hidden_size: int = 6, *, seed: int = 0) -> Sequential:
    return simple_cnn((1, 4, 4), 3, channels=[2], hidden_size=hidden_size, rng=np.random.default_rng(seed))


def trained(model: Sequential, optimizer: Optimizer, steps: int = 3) -> None:
    rng = np.random.default_rng(1)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad[...] = rng.standard_normal(parameter.grad.shape)
        optimizer.step()


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
    trained(model, first)
    save_checkpoint(path, model, first, 7)
    assert load_checkpoint(path, other, second) == 7
    assert state(other, second) == state(model, first)
    trained(model, first)
    trained(other, second)
    assert state(other, second) == state(model, first)


def test_new_checkpoint_takes_the_place_of_the_old_one(path: Path) -> None:
    model = network()
    optimizer = Adam(model.parameters())
    save_checkpoint(path, model, optimizer, 1)
    save_checkpoint(path, model, optimizer, 2)
    assert load_checkpoint(path, model, optimizer) == 2
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.npz"]


def test_file_can_be_read_with_numpy_alone(path: Path) -> None:
    model = network()
    save_checkpoint(path, model, Adam(model.parameters()), 3)
    with np.load(path, allow_pickle=False) as arrays:
        assert int(arrays["epoch"]) == 3
        assert np.array_equal(arrays["model/conv1.weight"], model.state_dict()["conv1.weight"])


@pytest.mark.parametrize("damage", ["cut short", "empty", "text"])
def test_damaged_file_is_refused_and_named(damage: str, path: Path) -> None:
    model = network()
    optimizer = Adam(model.parameters())
    save_checkpoint(path, model, optimizer, 3)
    whole = path.read_bytes()
    path.write_bytes({"cut short": whole[: len(whole) // 2], "empty": b"", "text": b"not an archive"}[damage])
    before = state(model, optimizer)
    with pytest.raises(ValueError, match=r"checkpoint\.npz is not a whole \.npz file"):
        load_checkpoint(path, model, optimizer)
    assert state(model, optimizer) == before


def test_byte_that_flipped_is_noticed(path: Path) -> None:
    model = network()
    optimizer = Adam(model.parameters())
    save_checkpoint(path, model, optimizer, 3)
    whole = bytearray(path.read_bytes())
    position = whole.index(model.state_dict()["fc1.weight"].tobytes()[:16])
    whole[position] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(ValueError, match="not a whole"):
        load_checkpoint(path, model, optimizer)


def test_file_of_another_network_is_refused(path: Path) -> None:
    model, other = network(6), network(7)
    save_checkpoint(path, model, SGD(model.parameters(), lr=0.1), 3)
    with pytest.raises(ValueError, match=r"fc1\.weight must be float32 of shape"):
        load_checkpoint(path, other, SGD(other.parameters(), lr=0.1))


def test_file_of_another_optimizer_is_refused(path: Path) -> None:
    model = network()
    save_checkpoint(path, model, SGD(model.parameters(), lr=0.1, momentum=0.9), 3)
    with pytest.raises(ValueError, match="the state does not fit"):
        load_checkpoint(path, model, Adam(model.parameters()))


def test_archive_that_is_no_checkpoint_is_refused(path: Path) -> None:
    model = network()
    np.savez(path, something=np.zeros(3))
    with pytest.raises(ValueError, match=r"checkpoint\.npz is no checkpoint: it has no 'epoch'"):
        load_checkpoint(path, model, Adam(model.parameters()))


def test_pickled_objects_are_never_read(path: Path) -> None:
    model = network()
    np.savez(path, allow_pickle=True, epoch=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="not a whole"):
        load_checkpoint(path, model, Adam(model.parameters()))


def test_missing_file_is_an_error_of_its_own(path: Path) -> None:
    model = network()
    with pytest.raises(FileNotFoundError):
        load_checkpoint(path, model, Adam(model.parameters()))


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
