"""The name of a run: the same for the same result, another for every other."""

import hashlib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from experiments.config.leaves import leaves
from experiments.config.schema import Config, JoblibConfig
from experiments.runs import identity as module
from experiments.runs.identity import WITHOUT_EFFECT, code_digest, identity
from tests.runner.configs import adam, changed, cnn_bn, one_cycle, residual_net, shifts, small_config

# Written down by hand: these say where and how, not what. Whatever else there is decides the result.
SCHEMA = "experiments/config/schema.py"  # it says what a key means, such as the shape of an image
WHERE_AND_HOW = {"sweep", "dry_run", "outputs_dir", "force", "launcher", "tracking", "data.root"} | {
    "trainer.threads",
    "trainer.checkpoint_minutes",
    "trainer.keep_checkpoint",
}


def another(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case list():
            return [*value, 1]
        case None:
            return 1
    raise AssertionError(f"no other value is known for {value!r}")


def configs(outputs: Path) -> list[Config]:
    others = {
        "optimizer": adam(),
        "schedule": one_cycle(),
        "launcher": JoblibConfig("joblib", 2),
        "augmentation": shifts(),
    }
    staged = [small_config(outputs, model=model) for model in (cnn_bn(), residual_net())]
    return [small_config(outputs), small_config(outputs, **others), *staged]


def keys(config: Config) -> list[str]:
    return list(leaves(asdict(config)))


def decides(key: str) -> bool:
    return not {key, key.partition(".")[0]} & WHERE_AND_HOW


DECISIVE = (
    '{"code": "CODE", "config": {"augmentation.name": "none", "data.batch_size": 10, "data.channels": 1, '
    '"data.classes": 3, "data.height": 6, '
    '"data.name": "synthetic", "data.test_size": 12, "data.train_size": 24, "data.validation_fraction": 0.0, '
    '"data.width": 6, "model.channels": [2], "model.hidden_size": 8, "model.kernel_size": 3, "model.name": '
    '"simple_cnn", "model.padding": 1, "model.pool": 2, "model.stride": 1, "optimizer.clip_norm": null, '
    '"optimizer.lr": 0.1, "optimizer.momentum": 0.9, "optimizer.name": "sgd", "optimizer.nesterov": false, '
    '"optimizer.weight_decay": 0.0, "schedule.name": "constant", "schedule.warmup_epochs": 0.0, "seed": 0, '
    '"trainer.dtype": "float32", "trainer.epochs": 2, "trainer.evaluation_batch_size": 7, '
    '"trainer.label_smoothing": 0.0, "trainer.min_improvement": 0.0, "trainer.patience": null, '
    '"trainer.train_accuracy_images": null}, "version": 1}'
)


def test_identity_never_changes_its_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Recorded runs are found by it: if this fails, every user's runs will be trained again.
    monkeypatch.setattr(module, "code_digest", lambda: "CODE")
    assert hashlib.sha256(DECISIVE.encode()).hexdigest().startswith("d2e70b15a0bb")
    assert identity(small_config(tmp_path)) == "d2e70b15a0bb"


def test_identity_is_twelve_hexadecimal_digits(tmp_path: Path) -> None:
    assert re.fullmatch("[0-9a-f]{12}", identity(small_config(tmp_path)))


def test_every_key_that_decides_changes_the_identity_and_no_other_does(tmp_path: Path) -> None:
    for config in configs(tmp_path):
        own = identity(config)
        for key, value in leaves(asdict(config)).items():
            assert (identity(changed(config, {key: another(value)})) != own) == decides(key), key


def test_keys_without_effect_are_the_ones_written_down_here() -> None:
    assert WITHOUT_EFFECT == WHERE_AND_HOW


def test_launcher_of_another_kind_changes_nothing(tmp_path: Path) -> None:
    joblib = small_config(tmp_path, launcher=JoblibConfig("joblib", n_jobs=4))
    assert identity(joblib) == identity(small_config(tmp_path))


def test_no_two_keys_can_be_mistaken_for_each_other(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    names = [
        identity(changed(config, {key: another(value)}))
        for key, value in leaves(asdict(config)).items()
        if decides(key)
    ]
    assert len(set(names)) == len(names)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small source tree, digested in the place of the real one."""
    for name in ("cnn_core/a.py", "cnn_core/layers/b.py", "experiments/data/c.py", "experiments/training/d.py", SCHEMA):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    monkeypatch.setattr(module, "_SOURCE", tmp_path)
    return tmp_path


def digest() -> str:
    return code_digest.__wrapped__()


@pytest.mark.parametrize(
    "name", ["cnn_core/a.py", "cnn_core/layers/b.py", "experiments/data/c.py", "experiments/training/d.py", SCHEMA]
)
def test_every_deciding_source_file_changes_the_digest(name: str, source: Path) -> None:
    before = digest()
    (source / name).write_text("# other\n")
    assert digest() != before


def test_new_and_renamed_source_files_change_the_digest(source: Path) -> None:
    digests = [digest()]
    (source / "cnn_core" / "new.py").write_text("")
    digests.append(digest())
    (source / "cnn_core" / "new.py").rename(source / "cnn_core" / "renamed.py")
    digests.append(digest())
    assert len(set(digests)) == 3


def test_files_that_decide_nothing_leave_the_digest(source: Path) -> None:
    before = digest()
    (source / "experiments" / "ui.py").write_text("")
    (source / "cnn_core" / "__pycache__").mkdir()
    (source / "cnn_core" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"compiled")
    (source / "cnn_core" / "notes.txt").write_text("")
    assert digest() == before


def test_where_the_checkout_lies_leaves_the_digest(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    moved = source.rename(source.with_name("moved"))
    monkeypatch.setattr(module, "_SOURCE", moved)
    assert digest() == before


def test_other_code_is_another_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = identity(small_config(tmp_path))
    monkeypatch.setattr(module, "code_digest", lambda: "c" * 64)
    assert identity(small_config(tmp_path)) != own


def test_real_digest_is_of_files_that_exist() -> None:
    assert all((module._SOURCE / place).exists() for place in module._DECIDING_CODE)
    assert re.fullmatch("[0-9a-f]{64}", code_digest())
