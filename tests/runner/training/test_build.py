"""From typed settings to objects: every setting arrives where it belongs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnn_core import (
    SGD,
    Adam,
    AdamW,
    ConstantSchedule,
    CosineSchedule,
    Dropout,
    OneCycleSchedule,
    Residual,
    RMSprop,
    Sequential,
    StepSchedule,
)
from experiments.config.schema import (
    AdamConfig,
    AugmentationConfig,
    ConstantScheduleConfig,
    DataConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
)
from experiments.data.dataset import DataError
from experiments.training.augmentation import Augmentation
from experiments.training.build import (
    build_augmentation,
    build_dataset,
    build_model,
    build_optimizer,
    build_plan,
    build_schedule,
)
from tests.runner.configs import (
    adam,
    adamw,
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


def test_model_has_the_shapes_that_follow_from_its_settings(tmp_path: Path) -> None:
    config = small_config(
        tmp_path, model__channels=[3, 5], model__kernel_size=2, model__pool=1, model__hidden_size=7, data__channels=2
    )
    shapes = {name: value.shape for name, value in build_model(config).state_dict().items()}
    assert shapes == {  # 6 + 2 - 2 + 1 = 7 after the first convolution, 8 after the second
        "conv1.weight": (3, 2, 2, 2),
        "conv1.bias": (3,),
        "conv2.weight": (5, 3, 2, 2),
        "conv2.bias": (5,),
        "fc1.weight": (7, 5 * 8 * 8),
        "fc1.bias": (7,),
        "fc2.weight": (3, 7),
        "fc2.bias": (3,),
    }


@pytest.mark.parametrize(
    ("changes", "features"),
    [
        ({"model__stride": 2, "model__pool": 1}, 2 * 3 * 3),  # (6 + 2 - 3) // 2 + 1
        ({"model__padding": 0, "model__pool": 1}, 2 * 4 * 4),
        ({"model__pool": 3}, 2 * 2 * 2),
    ],
)
def test_stride_padding_and_pool_arrive(changes: dict[str, int], features: int, tmp_path: Path) -> None:
    assert build_model(small_config(tmp_path, **changes)).state_dict()["fc1.weight"].shape == (8, features)


def test_lenet5_follows_the_images(tmp_path: Path) -> None:
    config = small_config(tmp_path, model=lenet5(), data__channels=3, data__height=12, data__width=20, data__classes=5)
    shapes = {name: value.shape for name, value in build_model(config).state_dict().items()}
    assert shapes["conv1.weight"] == (6, 3, 5, 5)
    assert shapes["fc1.weight"] == (120, 16 * 1 * 3)  # 12×20 → 6×10 → 2×6 → 1×3
    assert shapes["fc3.weight"] == (5, 84)


def test_all_settings_of_cnn_bn_arrive(tmp_path: Path) -> None:
    model = build_model(small_config(tmp_path, model=cnn_bn(channels=[3, 5], blocks=2, dropout=0.3, kernel_size=5)))
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert {name: shape for name, shape in shapes.items() if len(shape) == 4} == {
        "stage1.conv1.weight": (3, 1, 5, 5),
        "stage1.conv2.weight": (3, 3, 5, 5),
        "stage2.conv1.weight": (5, 3, 5, 5),
        "stage2.conv2.weight": (5, 5, 5, 5),
    }
    assert shapes["fc.weight"] == (3, 5)
    assert dropped(model) == 0.3


def test_all_settings_of_the_residual_net_arrive(tmp_path: Path) -> None:
    model = build_model(small_config(tmp_path, model=residual_net(channels=[3, 5], blocks=2, dropout=0.4)))
    blocks = {name for name, inner in model.named_modules() if isinstance(inner, Residual)}
    assert blocks == {"stage1.block1", "stage1.block2", "stage2.block1", "stage2.block2"}
    assert model.state_dict()["stage2.block2.branch.conv2.weight"].shape == (5, 5, 3, 3)
    assert dropped(model) == 0.4


def dropped(model: Sequential) -> float:
    layer = model.layers["dropout"]
    assert isinstance(layer, Dropout)
    return layer.rate


@pytest.mark.parametrize("model", [lenet5(), cnn_bn(), residual_net()], ids=["lenet5", "cnn_bn", "residual_net"])
def test_every_network_has_the_trainers_type_and_starts_from_the_seed(model: ModelConfig, tmp_path: Path) -> None:
    common = {"model": model, "trainer__dtype": "float64", "data__height": 12, "data__width": 12}
    first, other = (build_model(small_config(tmp_path, seed=seed, **common)).state_dict() for seed in (0, 1))
    assert {value.dtype for value in first.values()} == {np.dtype("float64")}
    assert not any(np.array_equal(first[name], other[name]) for name in first if first[name].ndim > 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_have_the_type_of_the_trainer(dtype: str, tmp_path: Path) -> None:
    model = build_model(small_config(tmp_path, trainer__dtype=dtype))
    assert {value.dtype for value in model.state_dict().values()} == {np.dtype(dtype)}


def test_first_weights_are_a_function_of_the_seed_alone(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    first, again = build_model(config).state_dict(), build_model(config).state_dict()
    other = build_model(small_config(tmp_path, seed=1)).state_dict()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["conv1.weight"], other["conv1.weight"])


def test_sgd_gets_all_of_its_settings_and_all_parameters(tmp_path: Path) -> None:
    model = build_model(small_config(tmp_path))
    optimizer = build_optimizer(sgd(lr=0.5, momentum=0.7, nesterov=True, weight_decay=0.01), model)
    assert type(optimizer) is SGD
    assert (optimizer.lr, optimizer.momentum, optimizer.nesterov, optimizer.weight_decay) == (0.5, 0.7, True, 0.01)
    assert [id(parameter) for parameter in optimizer.parameters] == [id(parameter) for parameter in model.parameters()]


def test_rmsprop_gets_all_of_its_settings_and_all_parameters(tmp_path: Path) -> None:
    model = build_model(small_config(tmp_path))
    optimizer = build_optimizer(rmsprop(lr=0.5, alpha=0.1, eps=0.2, momentum=0.3, weight_decay=0.01), model)
    assert type(optimizer) is RMSprop
    assert (optimizer.lr, optimizer.alpha, optimizer.eps, optimizer.momentum) == (0.5, 0.1, 0.2, 0.3)
    assert optimizer.weight_decay == 0.01
    assert len(optimizer.parameters) == len(model.parameters())


@pytest.mark.parametrize(("settings", "kind"), [(adam, Adam), (adamw, AdamW)])
def test_adam_gets_all_of_its_settings_and_all_parameters(
    settings: Callable[..., AdamConfig], kind: type[Adam], tmp_path: Path
) -> None:
    model = build_model(small_config(tmp_path))
    optimizer = build_optimizer(settings(lr=0.5, beta1=0.1, beta2=0.2, eps=0.3, weight_decay=0.01), model)
    assert isinstance(optimizer, Adam)
    assert type(optimizer) is kind
    assert (optimizer.lr, optimizer.beta1, optimizer.beta2, optimizer.eps) == (0.5, 0.1, 0.2, 0.3)
    assert optimizer.weight_decay == 0.01
    assert len(optimizer.parameters) == len(model.parameters())


def test_schedules_get_all_of_their_settings() -> None:
    constant = build_schedule(ConstantScheduleConfig("constant", warmup_epochs=0.5))
    assert type(constant) is ConstantSchedule
    by_steps = build_schedule(step(step_epochs=3, gamma=0.2, warmup_epochs=0.5))
    assert isinstance(by_steps, StepSchedule)
    assert (by_steps.step_epochs, by_steps.gamma) == (3, 0.2)
    falling = build_schedule(cosine(final_fraction=0.2, warmup_epochs=0.5))
    assert isinstance(falling, CosineSchedule)
    assert falling.final_fraction == 0.2
    cycle = build_schedule(one_cycle(start_fraction=0.2, rise_fraction=0.4, final_fraction=0.3, warmup_epochs=0.5))
    assert isinstance(cycle, OneCycleSchedule)
    assert (cycle.start_fraction, cycle.rise_fraction, cycle.final_fraction) == (0.2, 0.4, 0.3)
    assert {schedule.warmup_epochs for schedule in (constant, by_steps, falling, cycle)} == {0.5}


def test_schedule_clipping_and_smoothing_arrive_in_the_plan(tmp_path: Path) -> None:
    config = small_config(
        tmp_path, optimizer__clip_norm=2.5, schedule=cosine(final_fraction=0.2), trainer__label_smoothing=0.1
    )
    plan = build_plan(config)
    assert isinstance(plan.schedule, CosineSchedule)
    assert (plan.schedule.final_fraction, plan.clip_norm, plan.label_smoothing) == (0.2, 2.5, 0.1)
    assert build_plan(small_config(tmp_path)).clip_norm is None


def test_synthetic_data_follow_their_settings_and_the_seed(tmp_path: Path) -> None:
    data = small_config(tmp_path, data__channels=2, data__height=5, data__width=9, data__classes=4).data
    made, other = build_dataset(data, 3), build_dataset(data, 4)
    assert made.train.pixels.shape == (24, 2, 5, 9)
    assert made.test.pixels.shape == (12, 2, 5, 9)
    assert set(made.train.labels.tolist()) == {0, 1, 2, 3}
    assert made.digest() == build_dataset(data, 3).digest() != other.digest()


def test_there_is_no_validation_part_unless_asked_for(tmp_path: Path) -> None:
    assert build_dataset(small_config(tmp_path).data, 0).validation is None


def test_validation_part_is_taken_from_the_training_images(tmp_path: Path) -> None:
    made = build_dataset(small_config(tmp_path, data__validation_fraction=0.25).data, 0)
    assert made.validation is not None
    assert (len(made.train), len(made.validation), len(made.test)) == (18, 6, 12)


def test_fraction_that_leaves_a_part_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"validation_fraction=0.01 moves 0 of the 24 training images"):
        build_dataset(small_config(tmp_path, data__validation_fraction=0.01).data, 0)


def test_settings_without_a_recipe_are_an_error_of_the_program(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    with pytest.raises(TypeError, match="DataConfig"):
        build_dataset(DataConfig("new", 1, 0.0, ""), 0)
    with pytest.raises(TypeError, match="ModelConfig"):
        build_model(small_config(tmp_path, model=ModelConfig("new")))
    with pytest.raises(TypeError, match="OptimizerConfig"):
        build_optimizer(OptimizerConfig("new", 1.0, 0.0, None), build_model(config))
    with pytest.raises(TypeError, match="ScheduleConfig"):
        build_schedule(ScheduleConfig("new", 0.0))


def test_augmentation_gets_all_of_its_settings(tmp_path: Path) -> None:
    config = small_config(tmp_path, augmentation=shifts(shift=1, flip=True, crop=0.75, cutout=3))
    assert build_plan(config).augmentation == Augmentation(crop=0.75, shift=1, flip=True, cutout=3)
    assert build_plan(small_config(tmp_path)).augmentation is None


def test_augmentation_nobody_knows_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="no augmentation is built from AugmentationConfig"):
        build_augmentation(AugmentationConfig("new"))
