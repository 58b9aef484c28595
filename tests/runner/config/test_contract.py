"""The keys, groups and defaults that users rely on, written down here by hand, and the files in `conf/` behind them."""

import re
from dataclasses import asdict
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from experiments.config.leaves import leaves
from experiments.config.schema import SECTIONS, Config, MnistConfig
from experiments.data.dataset import Dataset, Images
from experiments.training.build import build_dataset, build_model, build_optimizer, build_plan, build_schedule
from tests.runner.composed import CHECKOUT, CONF, composed_config

FILES = sorted(path for path in CONF.glob("*/*.yaml") if path.parent.name != "hydra")
OPTIONS = [f"{path.parent.name}={path.stem}" for path in FILES]
# The first of every group together, then the second, and so on: a composition takes a quarter of a second.
BY_GROUP = [list(group) for _, group in groupby(OPTIONS, lambda option: option.split("=")[0])]
TOGETHER = [
    *(tuple(filter(None, options)) for options in zip_longest(*(a for a in BY_GROUP if "experiment=" not in a[0]))),
    *((option,) for option in OPTIONS if option.startswith("experiment=")),  # a whole setting stands alone
]

DEFAULTS: dict[str, Any] = {
    "model.name": "simple_cnn",
    "model.channels": [8],
    "model.kernel_size": 3,
    "model.stride": 1,
    "model.padding": 1,
    "model.hidden_size": 128,
    "optimizer.clip_norm": None,
    "schedule.name": "constant",
    "schedule.warmup_epochs": 0.0,
    "data.name": "mnist_5k",
    "data.batch_size": 64,
    "trainer.epochs": 5,
    "trainer.dtype": "float32",
    "trainer.checkpoint_minutes": 10.0,
    "trainer.keep_checkpoint": False,
    "trainer.patience": None,
    "augmentation.name": "none",
    "trainer.label_smoothing": 0.0,
    "seed": 0,
    "launcher.name": "serial",
    "tracking.uri": f"sqlite:///{CHECKOUT}/outputs/mlflow.db",
    "tracking.experiment": "cnn",
    "outputs_dir": f"{CHECKOUT}/outputs",
}
WITHOUT_PROMISED_DEFAULT = {"optimizer.lr", "data.root", "data.validation_fraction", "trainer.threads"}
# Groups whose choice is recorded under `name`.
NAMED = {"model", "optimizer", "schedule", "data", "augmentation", "launcher"}
GROUPS = {
    "data": {"mnist_5k", "mnist", "fashion_mnist", "digits", "synthetic"},
    "augmentation": {"none", "standard"},
    "optimizer": {"sgd", "rmsprop", "adam", "adamw"},
    "schedule": {"constant", "step", "cosine", "one_cycle"},
    "launcher": {"serial", "joblib"},
    "model": {"simple_cnn", "lenet5", "cnn_bn", "residual_net"},
    "experiment": {"seed", "mnist", "fashion"},
}

# The original script's settings; `train_accuracy_images` is the 1000 in its `accuracy(model(x_train[:1000]), …)`.
ORIGINAL: dict[str, Any] = {
    "data.name": "mnist",
    "data.batch_size": 64,
    "data.validation_fraction": 0.0,
    "model.name": "simple_cnn",
    "model.channels": [8],
    "model.kernel_size": 3,
    "model.stride": 1,
    "model.padding": 1,
    "model.pool": 1,
    "model.hidden_size": 128,
    "optimizer.name": "sgd",
    "optimizer.lr": 0.01,
    "optimizer.momentum": 0.0,
    "optimizer.nesterov": False,
    "optimizer.weight_decay": 0.0,
    "optimizer.clip_norm": None,
    "schedule.name": "constant",
    "schedule.warmup_epochs": 0.0,
    "trainer.epochs": 5,
    "trainer.label_smoothing": 0.0,
    "trainer.dtype": "float32",
    "trainer.train_accuracy_images": 1000,
    "trainer.patience": None,
    "augmentation.name": "none",
}


@pytest.fixture(scope="module")
def default() -> Config:
    return composed_config()


@pytest.mark.parametrize("key", DEFAULTS)
def test_default_is_the_promised_one(default: Config, key: str) -> None:
    assert leaves(asdict(default))[key] == DEFAULTS[key]


@pytest.mark.parametrize("key", sorted(WITHOUT_PROMISED_DEFAULT))
def test_promised_key_exists(default: Config, key: str) -> None:
    assert key in leaves(asdict(default))


@pytest.mark.parametrize("group", GROUPS)
def test_group_has_the_promised_alternatives(group: str) -> None:
    assert GROUPS[group] <= {path.stem for path in FILES if path.parent.name == group}


@pytest.mark.parametrize("key", ORIGINAL)
def test_experiment_seed_is_the_original_script(key: str) -> None:
    assert leaves(asdict(composed_config("experiment=seed")))[key] == ORIGINAL[key]


def test_original_network_has_the_original_shapes() -> None:
    shapes = {name: value.shape for name, value in build_model(composed_config("experiment=seed")).state_dict().items()}
    assert shapes == {
        "conv1.weight": (8, 1, 3, 3),
        "conv1.bias": (8,),
        "fc1.weight": (128, 6272),
        "fc1.bias": (128,),
        "fc2.weight": (10, 128),
        "fc2.bias": (10,),
    }


def test_experiment_can_be_varied_on_the_command_line() -> None:
    config = composed_config("experiment=seed", "optimizer.lr=0.5", "data=digits")
    assert config.optimizer.lr == 0.5
    assert config.data.name == "digits"
    assert config.model == composed_config("experiment=seed").model


@pytest.mark.parametrize("options", TOGETHER, ids=" ".join)
def test_every_file_composes_and_builds(options: tuple[str, ...]) -> None:
    config = composed_config(*options)
    model = build_model(config)
    optimizer = build_optimizer(config.optimizer, model)
    optimizer.step()
    build_plan(config)
    assert 0 < build_schedule(config.schedule).factor(0, steps_per_epoch=1, total_steps=config.trainer.epochs) <= 1
    assert all(np.isfinite(value).all() for value in model.state_dict().values())


@pytest.mark.parametrize("options", TOGETHER, ids=" ".join)
def test_every_file_sets_its_own_name(options: tuple[str, ...]) -> None:
    config = composed_config(*options)
    for option in options:
        group = option.split("=")[0]
        if group in NAMED:
            assert f"{group}={getattr(config, group).name}" == option


@pytest.mark.parametrize(
    ("name", "train", "test", "shape", "classes"),
    [
        ("mnist_5k", 4000, 1000, (1, 28, 28), 10),
        ("digits", 1437, 360, (1, 8, 8), 10),
        ("synthetic", 512, 256, (1, 12, 12), 4),
    ],
)
def test_data_set_is_what_its_file_says(
    name: str, train: int, test: int, shape: tuple[int, int, int], classes: int
) -> None:
    config = composed_config(f"data={name}")
    dataset = build_dataset(config.data, config.seed)
    assert dataset.train.pixels.shape == (train, *shape)
    assert dataset.test.pixels.shape == (test, *shape)
    assert (dataset.name, dataset.classes) == (name, classes)
    logits = build_model(config).forward(dataset.test.pixels[:2].astype(np.float32))
    assert logits.shape == (2, classes)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_downloaded_data_set_is_looked_for_in_its_root(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = Images(np.zeros((4, 1, 28, 28), np.uint8), np.zeros(4, np.uint8))
    asked: list[Path] = []

    def load(root: Path) -> Dataset:
        asked.append(root)
        return Dataset(name, images, images, classes=10, scale=1 / 255)

    monkeypatch.setattr(f"experiments.training.build.load_{name}", load)
    config = composed_config(f"data={name}", "data.root=/some/where")
    assert build_dataset(config.data, 0).name == name
    assert asked == [Path("/some/where")]


def test_every_group_is_a_section_or_a_preset() -> None:
    assert {path.parent.name for path in FILES} == {*SECTIONS, "experiment", "sweep"}


def test_manual_lists_exactly_the_groups_and_options_there_are() -> None:
    template = str(OmegaConf.to_container(OmegaConf.load(CONF / "hydra" / "help" / "manual.yaml"))["template"])  # type: ignore[index, call-overload]
    listing = template.partition("GROUPS")[2].partition("KEYS")[0]
    lines = re.findall(r"^\s+(\w+) {2,}(\w.*)$", listing, flags=re.MULTILINE)
    listed = {group: set(options.split(", ")) for group, options in lines}
    assert listed == {
        folder: {path.stem for path in FILES if path.parent.name == folder}
        for folder in {path.parent.name for path in FILES}
    }


def test_outputs_dir_decides_where_data_and_store_are(tmp_path: Path) -> None:
    config = composed_config(f"outputs_dir={tmp_path}")
    assert config.data.root == f"{tmp_path}/data"
    assert config.tracking.uri == f"sqlite:///{tmp_path}/mlflow.db"


def test_relative_outputs_dir_is_meant_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = composed_config("outputs_dir=here")
    assert config.outputs_dir == f"{tmp_path}/here"
    assert config.tracking.uri == f"sqlite:///{tmp_path}/here/mlflow.db"


def test_types_are_kept_through_composition() -> None:
    config = composed_config(
        "data=mnist", "optimizer.lr=1", "optimizer.clip_norm=5", "model.channels=[4,8]", "trainer.threads=3"
    )
    assert type(config.data) is MnistConfig
    assert type(config.optimizer.lr) is type(config.optimizer.clip_norm) is float
    assert leaves(asdict(config))["model.channels"] == [4, 8]
    assert config.trainer.threads == 3
