"""Which values are possible, alone and together. Faults of type never come so far."""

from pathlib import Path
from typing import Any

import pytest

from experiments.config.schema import Config, DigitsConfig, JoblibConfig, ModelConfig, OptimizerConfig, ScheduleConfig
from experiments.config.validation import ConfigError, validate, validate_alone
from tests.runner.configs import (
    adam,
    adamw,
    changed,
    cnn_bn,
    cosine,
    lenet5,
    one_cycle,
    residual_net,
    rmsprop,
    sgd,
    shifts,
    small_config,
    step,
)

NAN, INF = float("nan"), float("inf")

# key, impossible value, what the answer must say of it
IMPOSSIBLE: list[tuple[str, Any, str]] = [
    ("model.channels", [], "at least one convolution"),
    ("model.channels", [0], "each of 1 channel or more"),
    ("model.channels", [8, -1], "each of 1 channel or more"),
    ("model.kernel_size", 0, "must be at least 1"),
    ("model.stride", 0, "must be at least 1"),
    ("model.padding", -1, "must be at least 0"),
    ("model.pool", 0, "must be at least 1"),
    ("model.hidden_size", 0, "must be at least 1"),
    ("data.batch_size", 0, "must be at least 1"),
    ("data.batch_size", -64, "must be at least 1"),
    ("data.validation_fraction", 1.0, "must lie in [0, 1)"),
    ("data.validation_fraction", -0.1, "must lie in [0, 1)"),
    ("data.validation_fraction", NAN, "must lie in [0, 1)"),
    ("data.classes", 1, "must be at least 2"),
    ("data.channels", 0, "must be at least 1"),
    ("data.height", 0, "must be at least 1"),
    ("data.width", 0, "must be at least 1"),
    ("data.train_size", 2, "must be at least data.classes=3"),
    ("data.test_size", 0, "must be at least data.classes=3"),
    ("trainer.epochs", 0, "must be at least 1"),
    ("trainer.threads", 0, "must be at least 1"),
    ("trainer.dtype", "float16", "must be one of float32, float64"),
    ("trainer.train_accuracy_images", 0, "must be at least 1"),
    ("trainer.evaluation_batch_size", 0, "must be at least 1"),
    ("trainer.patience", 0, "must be at least 1"),
    *[("trainer.checkpoint_minutes", value, "must be a finite number above 0") for value in (0.0, -1.0, NAN, INF)],
    ("trainer.min_improvement", -0.1, "must be a finite number, 0 or more"),
    ("trainer.min_improvement", NAN, "must be a finite number, 0 or more"),
    ("augmentation.name", "standard", "is set by augmentation=…, one of none, standard, articles"),
    ("seed", -1, "must be at least 0"),
    ("sweep.max_failures", 0, "must be at least 1"),
    ("sweep.min_epochs", 0, "must be at least 1"),
    ("sweep.reduction_factor", 1, "must be at least 2"),
    ("outputs_dir", "", "must not be empty"),
    ("outputs_dir", "/what?/here", "must not have a '?' in it"),
    ("outputs_dir", "/odd/p%41", "must not have '%41' in it"),
    ("outputs_dir", "/odd/%e4/b", "must not have '%e4' in it"),
    ("tracking.uri", "  ", "must not be empty"),
    *[
        ("tracking.uri", uri, "must be a tracking server or a database")
        for uri in ("ftp://x", "nonsense", "./mlruns", "http://[::1", "file:///mlruns")
    ],
    ("tracking.uri", "sqlite:////odd/p%41/mlflow.db", "must not have '%41' in it"),
    ("tracking.experiment", "", "must not be empty"),
    ("model.name", "resnet", "is set by model=…"),
    ("optimizer.name", "adam", "is set by optimizer=…, one of sgd, rmsprop, adam, adamw"),
    ("data.name", "digits", "is set by data=…"),
    ("launcher.name", "joblib", "is set by launcher=…"),
    *[("optimizer.lr", value, "must be a finite number above 0") for value in (0.0, -1.0, NAN, INF)],
    *[("optimizer.weight_decay", value, "must be a finite number, 0 or more") for value in (-1.0, NAN, INF)],
    *[("optimizer.momentum", value, "must lie in [0, 1)") for value in (1.0, -0.1, NAN)],
    *[("optimizer.clip_norm", value, "must be null or a finite number above 0") for value in (0.0, -1.0, NAN, INF)],
    *[("trainer.label_smoothing", value, "must lie in [0, 1)") for value in (1.0, -0.1, NAN)],
    *[("schedule.warmup_epochs", value, "must be a finite number, 0 or more") for value in (-0.1, NAN, INF)],
    *[("schedule.warmup_epochs", value, "must be less than trainer.epochs=2") for value in (2.0, 7.5)],
    ("schedule.name", "step", "is set by schedule=…, one of constant, step, cosine, one_cycle"),
]
# which settings, key, impossible value, what the answer must say of it
IMPOSSIBLE_STAGES: list[tuple[str, Any, str]] = [
    ("model.channels", [], "at least one stage"),
    ("model.channels", [4, 0], "each of 1 channel or more"),
    ("model.blocks", 0, "must be at least 1"),
    ("model.dropout", 1.0, "must lie in [0, 1)"),
    ("model.dropout", -0.1, "must lie in [0, 1)"),
    ("model.dropout", NAN, "must lie in [0, 1)"),
]
IMPOSSIBLE_ELSEWHERE: list[tuple[OptimizerConfig | ScheduleConfig, str, float, str]] = [
    *[
        (optimizer, *fault)
        for optimizer in (adam(), adamw())
        for fault in (
            ("optimizer.beta1", 1.0, "must lie in [0, 1)"),
            ("optimizer.beta1", -0.1, "must lie in [0, 1)"),
            ("optimizer.beta2", 1.5, "must lie in [0, 1)"),
            ("optimizer.eps", 0.0, "must be a finite number above 0"),
            ("optimizer.eps", INF, "must be a finite number above 0"),
            ("optimizer.clip_norm", 0.0, "must be null or a finite number above 0"),
        )
    ],
    *[(rmsprop(), "optimizer.alpha", value, "must lie in [0, 1)") for value in (1.0, -0.1, NAN)],
    *[(rmsprop(), "optimizer.momentum", value, "must lie in [0, 1)") for value in (1.0, -0.1, NAN)],
    *[(rmsprop(), "optimizer.eps", value, "must be a finite number above 0") for value in (0.0, -1.0, NAN, INF)],
    (step(), "schedule.step_epochs", 0, "must be at least 1"),
    *[(step(), "schedule.gamma", value, "must lie in (0, 1]") for value in (0.0, -0.1, 1.1, NAN)],
    *[(cosine(), "schedule.final_fraction", value, "must lie in [0, 1]") for value in (-0.1, 1.1, NAN)],
    *[(one_cycle(), "schedule.final_fraction", value, "must lie in [0, 1]") for value in (-0.1, 1.1, NAN)],
    *[(one_cycle(), "schedule.start_fraction", value, "must lie in (0, 1]") for value in (0.0, 1.1, NAN)],
    *[(one_cycle(), "schedule.rise_fraction", value, "must lie between 0 and 1") for value in (0.0, 1.0, NAN)],
    *[
        (schedule, "schedule.warmup_epochs", value, rule)
        for schedule in (step(), cosine(), one_cycle())
        for value, rule in (
            (-0.5, "must be a finite number, 0 or more"),
            (NAN, "must be a finite number, 0 or more"),
            (INF, "must be a finite number, 0 or more"),
            (2.0, "must be less than trainer.epochs=2"),
        )
    ],
]
IMPOSSIBLE_AUGMENTATION: list[tuple[str, float, str]] = [  # of images of 6×7
    ("augmentation.shift", -1, "must be at least 0"),
    ("augmentation.shift", 6, "must be less than the shorter side of synthetic's images of 6×7"),
    ("augmentation.crop", 0.0, "must lie in (0, 1]"),
    ("augmentation.crop", 1.01, "must lie in (0, 1]"),
    ("augmentation.crop", NAN, "must lie in (0, 1]"),
    ("augmentation.cutout", -1, "must be at least 0"),
    ("augmentation.cutout", 7, "must be at most the shorter side of synthetic's images of 6×7"),
]
POSSIBLE: list[dict[str, Any]] = [
    {"model": cnn_bn(channels=[2, 2], blocks=3, kernel_size=9, dropout=0.99)},  # 6 → 3 → 1
    {"model": residual_net(channels=[2, 2, 2], blocks=2, dropout=0.0)},  # 6 → 3 → 2
    {"model": residual_net(channels=[2]), "data.height": 1, "data.width": 2},
    {"model": lenet5(), "data.height": 12, "data.width": 12},
    {"optimizer.momentum": 0.0},
    {"optimizer.weight_decay": 0.0},
    {"optimizer.nesterov": True},
    {"optimizer": adam(beta1=0.0, beta2=0.0)},
    {"optimizer": rmsprop(alpha=0.0, momentum=0.0)},
    {"optimizer.clip_norm": 1e-9},
    {"schedule.warmup_epochs": 1.99},  # of two epochs
    {"schedule": step(gamma=1.0, step_epochs=100)},
    {"schedule": cosine(final_fraction=1.0)},
    {"schedule": one_cycle(start_fraction=1.0, rise_fraction=1e-9, final_fraction=0.0)},
    {"trainer.label_smoothing": 0.99},
    {"data.validation_fraction": 0.0},
    {"data.validation_fraction": 0.99},
    {"data.batch_size": 1},
    {"data.batch_size": 10**6},  # one batch an epoch
    {"data.classes": 24, "data.train_size": 24, "data.test_size": 24},
    {"data.classes": 256, "data.train_size": 256, "data.test_size": 256},
    {"trainer.threads": None},
    {"trainer.checkpoint_minutes": None},
    {"trainer.checkpoint_minutes": 1e-9},
    {"trainer.train_accuracy_images": None},
    {"trainer.train_accuracy_images": 10**9},
    {"trainer.dtype": "float64"},
    {"model.kernel_size": 8},  # 6 + 2·1: just fits, and leaves one position; so do the next two
    {"model.kernel_size": 6, "model.padding": 0, "model.pool": 1},
    {"model.pool": 6},
    {"model.padding": 0},
    {"seed": 0},
    {"outputs_dir": "/100%/50%-off"},
    {"sweep.max_failures": 1},
    {"sweep.min_epochs": 2},  # of two epochs, but nothing is halved
    {"sweep.halving": True, "sweep.min_epochs": 1, "sweep.reduction_factor": 2},
    {"trainer.patience": 1, "data.validation_fraction": 0.25},
    {"trainer.patience": None, "trainer.min_improvement": 0.5},
    {"augmentation": shifts(shift=5, cutout=6, crop=0.01, flip=True)},
    {"augmentation": shifts(shift=0), "data.height": 1, "model.pool": 1},
]


def faults(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(config)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("key", "value", "rule"), IMPOSSIBLE)
def test_impossible_value_is_named_with_its_rule(key: str, value: Any, rule: str, tmp_path: Path) -> None:
    lines = faults(changed(small_config(tmp_path), {key: value}))
    (line,) = [line for line in lines if line.startswith(f"{key}=")]
    assert line.removeprefix(f"{key}=").strip("'").startswith(str(value).strip())
    assert rule in line


@pytest.mark.parametrize(("settings", "key", "value", "rule"), IMPOSSIBLE_ELSEWHERE)
def test_impossible_value_of_another_alternative_is_named_with_its_rule(
    settings: OptimizerConfig | ScheduleConfig, key: str, value: float, rule: str, tmp_path: Path
) -> None:
    config = changed(small_config(tmp_path, **{key.partition(".")[0]: settings}), {key: value})
    assert [line for line in faults(config) if line.startswith(f"{key}={value}") and rule in line]


@pytest.mark.parametrize(("key", "value", "rule"), IMPOSSIBLE_AUGMENTATION)
def test_impossible_value_of_augmentation_is_named_with_its_rule(
    key: str, value: float, rule: str, tmp_path: Path
) -> None:
    config = small_config(tmp_path, data__width=7, augmentation=shifts(**{key.partition(".")[2]: value}))
    assert faults(config) == [f"{key}={value}: {rule}"]


def test_patience_needs_a_validation_part(tmp_path: Path) -> None:
    (line,) = faults(small_config(tmp_path, trainer__patience=3))
    assert line == "trainer.patience=3: needs data.validation_fraction above 0, it watches val/loss"


def test_first_rung_is_shorter_than_the_whole(tmp_path: Path) -> None:
    (line,) = faults(changed(small_config(tmp_path), {"sweep.halving": True, "sweep.min_epochs": 2}))
    assert line == "sweep.min_epochs=2: must be less than trainer.epochs=2, with sweep.halving=true"


@pytest.mark.parametrize(
    ("key", "value"), [("zip", ["optimizer.lr", "seed"]), ("exclude", [{"seed": 1}]), ("halving", True)]
)
def test_single_run_cannot_have_what_is_about_several(key: str, value: object, tmp_path: Path) -> None:
    config = small_config(tmp_path)
    validate_alone(changed(config, {"sweep.max_failures": 3}))  # holds of one run as well
    with pytest.raises(ConfigError, match=rf"^sweep\.{key}: is about several runs; add -m"):
        validate_alone(changed(config, {f"sweep.{key}": value}))


@pytest.mark.parametrize("changes", POSSIBLE, ids=str)
def test_possible_value_passes(changes: dict[str, Any], tmp_path: Path) -> None:
    if "model.kernel_size" in changes:
        changes = {"model.pool": 1, **changes}
    validate(changed(small_config(tmp_path), changes))


@pytest.mark.parametrize("model", [cnn_bn(), residual_net()], ids=["cnn_bn", "residual_net"])
@pytest.mark.parametrize(("key", "value", "rule"), IMPOSSIBLE_STAGES)
def test_impossible_value_of_a_staged_network_is_named_with_its_rule(
    key: str, value: Any, rule: str, model: ModelConfig, tmp_path: Path
) -> None:
    (line,) = faults(changed(small_config(tmp_path, model=model), {key: value}))
    assert line.startswith(f"{key}={value}: ")
    assert rule in line


def test_kernel_of_cnn_bn_has_a_tap(tmp_path: Path) -> None:
    assert faults(small_config(tmp_path, model=cnn_bn(kernel_size=0))) == ["model.kernel_size=0: must be at least 1"]


@pytest.mark.parametrize(
    ("model", "height", "start", "reason"),
    [
        (lenet5(), 11, "model=lenet5", "LeNet-5 needs images of at least 12×12, got 11×13"),
        (
            cnn_bn(channels=[2] * 4),
            15,
            "model.channels=[2, 2, 2, 2]",
            "stage 4 of 4: pooling by 2 leaves nothing of 1×1",
        ),
        (residual_net(channels=[2] * 5), 13, "model.channels=[2, 2, 2, 2, 2]", "stage 5 of 5: one pixel is left"),
    ],
    ids=["lenet5", "cnn_bn", "residual_net"],
)
def test_network_that_leaves_nothing_of_an_image_is_refused(
    model: ModelConfig, height: int, start: str, reason: str, tmp_path: Path
) -> None:
    (line,) = faults(small_config(tmp_path, model=model, data__height=height, data__width=13))
    assert line.startswith(f"{start} on synthetic's images of (1, {height}, 13): {reason}")


def test_nesterov_needs_momentum(tmp_path: Path) -> None:
    (line,) = faults(small_config(tmp_path, optimizer=sgd(momentum=0.0, nesterov=True)))
    assert line == "optimizer.nesterov=true: needs optimizer.momentum above 0"


def test_labels_are_bytes_so_there_are_256_classes_at_most(tmp_path: Path) -> None:
    (line,) = faults(small_config(tmp_path, data__classes=257, data__train_size=257, data__test_size=257))
    assert line == "data.classes=257: must be at most 256, labels are bytes"


def test_joblib_needs_a_process(tmp_path: Path) -> None:
    (line,) = faults(small_config(tmp_path, launcher=JoblibConfig("joblib", n_jobs=0)))
    assert line == "launcher.n_jobs=0: must be at least 1"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model__kernel_size": 9}, "a kernel of 9 does not fit into an input of 6 padded to 8"),
        ({"model__pool": 7}, "a kernel of 7 does not fit into an input of 6"),
        ({"model__channels": [2, 2, 2]}, "block 3 of 3: a kernel of 2 does not fit into an input of 1"),
        ({"model__kernel_size": 9, "data__height": 60}, "a kernel of 9 does not fit into an input of 6 padded to 8"),
        ({"model__stride": 6, "model__pool": 2}, "a kernel of 2 does not fit into an input of 1"),
    ],
)
def test_kernel_or_pooling_larger_than_what_reaches_it_is_refused(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    (line,) = faults(small_config(tmp_path, **changes))
    assert line.startswith("model.kernel_size=")
    assert "synthetic" in line
    assert reason in line


def test_geometry_is_checked_against_the_data_set_that_was_chosen(tmp_path: Path) -> None:
    digits = DigitsConfig("digits", batch_size=1, validation_fraction=0.0, root="unused")
    fits = small_config(tmp_path, data=digits, model__padding=0, model__pool=8, model__kernel_size=1)
    validate(fits)
    (line,) = faults(changed(fits, {"model.pool": 9}))
    assert "digits's images of (1, 8, 8)" in line


def test_no_more_than_two_faults_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    config = small_config(tmp_path, data__batch_size=0, trainer__epochs=0, seed=-1, optimizer__lr=0.0)
    lines = faults(config)
    assert len(lines) == 2
    assert lines[1].endswith(" (and 2 more)")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", ModelConfig("new")),
        ("optimizer", OptimizerConfig("new", lr=1.0, weight_decay=0.0, clip_norm=None)),
        ("schedule", ScheduleConfig("new", warmup_epochs=0.0)),
    ],
)
def test_settings_of_no_known_alternative_are_refused(key: str, value: object, tmp_path: Path) -> None:
    (line,) = faults(small_config(tmp_path, **{key: value}))
    assert line.startswith(f"{key}.name=new: is set by {key}=…")
