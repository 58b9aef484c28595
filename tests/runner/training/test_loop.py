"""The training loop, held against arithmetic written out here."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cnn_core import (
    SGD,
    Adam,
    BatchNorm2d,
    Conv2d,
    CosineSchedule,
    CrossEntropyLoss,
    Dropout,
    Flatten,
    Linear,
    OneCycleSchedule,
    Optimizer,
    Residual,
    Sequential,
    clip_gradient_norm,
    parallel,
    simple_cnn,
)
from experiments.training.batches import Batch
from experiments.training.loop import DivergedError, EpochResult, Place, Plan
from experiments.training.streams import Stream, stream
from tests.runner.training.data import cross_entropy, dataset, images
from tests.runner.training.epochs import train

DATA = dataset()
PLAN = Plan(epochs=3, batch_size=10, evaluation_batch_size=4, train_accuracy_images=None, dtype="float64", seed=5)
TIMES = {"time/epoch_s", "time/images_per_s"}
MakeOptimizer = Callable[[Sequential], Optimizer]


def network(dtype: str = "float64") -> Sequential:
    return simple_cnn((1, 4, 4), 3, channels=[2], hidden_size=6, rng=np.random.default_rng(0), dtype=dtype)


def drawing_network(dtype: str = "float64", side: int = 4) -> Sequential:
    """Holds all that training follows besides parameters: running statistics, and chance in two places."""
    rng = np.random.default_rng(0)
    block = Residual(Sequential(norm=BatchNorm2d(2, dtype=dtype), drop=Dropout(0.3)))
    fc = Linear(2 * side * side, 3, rng=rng, dtype=dtype)
    conv = Conv2d(1, 2, 3, padding="same", rng=rng, dtype=dtype)
    return Sequential(conv=conv, block=block, flatten=Flatten(), drop=Dropout(0.5), fc=fc)


def momentum(model: Sequential) -> Optimizer:
    return SGD(model.parameters(), lr=0.1, momentum=0.9)


def adam(model: Sequential) -> Optimizer:
    return Adam(model.parameters(), lr=0.01)


def still(model: Sequential) -> Optimizer:
    """An update rule so slow that nothing moves: what is measured is then the first network's."""
    return SGD(model.parameters(), lr=1e-300)


def weights(model: Sequential) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in model.state_dict().items()}


def without_times(results: Iterable[EpochResult]) -> list[dict[str, float]]:
    return [{key: value for key, value in result.metrics.items() if key not in TIMES} for result in results]


def changed(plan: Plan, **changes: object) -> Plan:
    return Plan(**{**vars(plan), **changes})


def order(epoch: int) -> np.ndarray:
    """The order of the images of an epoch, see `test_streams`."""
    return np.random.default_rng(np.random.SeedSequence(PLAN.seed, spawn_key=(1, epoch))).permutation(25)


def test_epochs_are_numbered_from_one() -> None:
    model = network()
    assert [result.epoch for result in train(model, momentum(model), DATA, PLAN)] == [1, 2, 3]


def test_metrics_have_the_promised_names() -> None:
    model = network()
    for result in train(model, momentum(model), DATA, PLAN):
        assert set(result.metrics) == {"train/loss", "train/lr", "train/accuracy", "test/loss", "test/accuracy", *TIMES}


def test_validation_is_measured_where_there_is_a_validation_part() -> None:
    model, data = network(), dataset(validation=7)
    result = next(train(model, still(model), data, PLAN))
    assert data.validation is not None
    logits = model.forward(data.validation.pixels / 255)
    losses = cross_entropy(logits, data.validation.labels)
    assert result.metrics["val/loss"] == pytest.approx(sum(losses) / 7, rel=1e-12)
    assert result.metrics["val/accuracy"] == np.mean(logits.argmax(axis=1) == data.validation.labels)


def test_training_loss_is_the_mean_over_images_not_over_batches() -> None:
    # 25 images in batches of 10, 10 and 5: a mean over batches would count the last five twice.
    model = network()
    losses = cross_entropy(model.forward(DATA.train.pixels / 255), DATA.train.labels)
    shuffled = [losses[i] for i in order(1)]
    batch_means = [np.mean(shuffled[:10]), np.mean(shuffled[10:20]), np.mean(shuffled[20:])]
    result = next(train(model, still(model), DATA, PLAN))
    assert result.metrics["train/loss"] == pytest.approx(sum(losses) / 25, rel=1e-12)
    assert abs(np.mean(batch_means) - sum(losses) / 25) > 1e-4


def test_test_loss_and_accuracy_are_means_over_all_test_images() -> None:
    model = network()
    logits = model.forward(DATA.test.pixels / 255)
    result = next(train(model, still(model), DATA, PLAN))
    assert result.metrics["test/loss"] == pytest.approx(sum(cross_entropy(logits, DATA.test.labels)) / 11, rel=1e-12)
    assert result.metrics["test/accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == DATA.test.labels))


@pytest.mark.parametrize(("count", "measured"), [(1, 1), (9, 9), (25, 25), (1000, 25), (None, 25)])
def test_training_accuracy_is_measured_on_the_first_images(count: int | None, measured: int) -> None:
    model = network()
    correct = model.forward(DATA.train.pixels / 255).argmax(axis=1) == DATA.train.labels
    result = next(train(model, still(model), DATA, changed(PLAN, train_accuracy_images=count)))
    assert result.metrics["train/accuracy"] == pytest.approx(correct[:measured].mean())


def test_accuracies_are_those_after_the_epoch() -> None:
    model = network()
    for result in train(model, momentum(model), DATA, PLAN):
        predicted = model.forward(DATA.test.pixels / 255).argmax(axis=1)
        assert result.metrics["test/accuracy"] == pytest.approx(np.mean(predicted == DATA.test.labels))


def test_measuring_changes_no_weight() -> None:
    model, other = network(), network()
    list(train(model, momentum(model), DATA, PLAN))
    list(train(other, momentum(other), dataset(test=3, validation=9), changed(PLAN, train_accuracy_images=2)))
    assert weights(model) == weights(other)


def test_epoch_is_one_step_a_batch_in_the_seeds_order() -> None:
    model, by_hand = network(), network()
    optimizer, loss = momentum(by_hand), CrossEntropyLoss()
    for epoch in (1, 2, 3):
        indices = order(epoch)
        for chosen in (indices[:10], indices[10:20], indices[20:]):
            loss.forward(by_hand.forward(DATA.train.pixels[chosen] * (1 / 255)), DATA.train.labels[chosen].astype(int))
            by_hand.parameter_gradients(loss.backward())
            optimizer.step()
    list(train(model, momentum(model), DATA, PLAN))
    for name, value in model.state_dict().items():
        assert value == pytest.approx(by_hand.state_dict()[name], rel=1e-9, abs=1e-12)


class Noting(SGD):
    """Notes the learning rate of every step."""

    def __init__(self, model: Sequential) -> None:
        super().__init__(model.parameters(), lr=0.1, momentum=0.9)
        self.rates: list[float] = []

    def step(self) -> None:
        self.rates.append(self.lr)
        super().step()


# Three epochs of three batches: the warm-up is 3 steps, the cosine 6.
COSINE = changed(PLAN, schedule=CosineSchedule(warmup_epochs=1))
COSINE_RATES = [0.025, 0.05, 0.075, *(0.05 * (1 + np.cos(np.pi * step / 6)) for step in range(6))]


def test_schedule_decides_the_learning_rate_of_every_step() -> None:
    model = network()
    optimizer = Noting(model)
    list(train(model, optimizer, DATA, COSINE))
    assert optimizer.rates == pytest.approx(COSINE_RATES, rel=1e-14)


def test_learning_rate_of_the_last_step_is_recorded() -> None:
    model = network()
    found = [result.metrics["train/lr"] for result in train(model, momentum(model), DATA, COSINE)]
    assert found == pytest.approx([COSINE_RATES[2], COSINE_RATES[5], COSINE_RATES[8]], rel=1e-14)


def test_without_a_schedule_the_learning_rate_stays() -> None:
    model = network()
    optimizer = Noting(model)
    results = list(train(model, optimizer, DATA, PLAN))
    assert optimizer.rates == [0.1] * 9
    assert [result.metrics["train/lr"] for result in results] == [0.1] * 3


def test_peak_is_back_in_its_place_after_every_epoch_however_it_ends() -> None:
    model = network()
    optimizer = momentum(model)
    results = train(model, optimizer, DATA, COSINE)
    next(results)
    assert optimizer.lr == 0.1
    model.parameters()[0].value[...] = np.nan
    with pytest.raises(DivergedError):
        next(results)
    assert optimizer.lr == 0.1


def test_gradients_are_clipped_before_every_step() -> None:
    model, by_hand = network(), network()
    optimizer, loss, norms = momentum(by_hand), CrossEntropyLoss(), []
    indices = order(1)
    for chosen in (indices[:10], indices[10:20], indices[20:]):
        loss.forward(by_hand.forward(DATA.train.pixels[chosen] * (1 / 255)), DATA.train.labels[chosen].astype(int))
        by_hand.parameter_gradients(loss.backward())
        norms.append(clip_gradient_norm(by_hand.parameters(), 0.05))
        optimizer.step()
    assert min(norms) > 0.05
    next(train(model, momentum(model), DATA, changed(PLAN, clip_norm=0.05)))
    for name, value in model.state_dict().items():
        assert value == pytest.approx(by_hand.state_dict()[name], rel=1e-9, abs=1e-12)


def test_labels_are_smoothed_in_training_and_nowhere_else() -> None:
    model = network()
    plain, smoothed = (
        next(train(model, still(model), DATA, changed(PLAN, label_smoothing=share))).metrics for share in (0.0, 0.3)
    )
    # A class's own share of the smoothing, and those of all three classes: the mean over every label there could be.
    logits = model.forward(DATA.train.pixels / 255)
    of_all = np.mean([cross_entropy(logits, np.full(25, label)) for label in range(3)])
    assert smoothed["train/loss"] == pytest.approx(0.7 * plain["train/loss"] + 0.3 * of_all, rel=1e-12)
    assert smoothed["test/loss"] == plain["test/loss"]


def test_smoothed_labels_are_what_is_learned() -> None:
    model, other = network(), network()
    list(train(model, momentum(model), DATA, PLAN))
    list(train(other, momentum(other), DATA, changed(PLAN, label_smoothing=0.3)))
    assert weights(model) != weights(other)


def test_what_a_batch_drops_is_decided_by_seed_epoch_and_number_alone() -> None:
    model, by_hand = drawing_network(), drawing_network()
    optimizer, loss = momentum(by_hand), CrossEntropyLoss()
    for epoch in (1, 2, 3):
        indices = order(epoch)
        for number, chosen in enumerate((indices[:10], indices[10:20], indices[20:]), start=1):
            key = np.random.SeedSequence(PLAN.seed, spawn_key=(3, epoch, number))
            by_hand.draw_from(np.random.default_rng(key))
            loss.forward(by_hand.forward(DATA.train.pixels[chosen] * (1 / 255)), DATA.train.labels[chosen].astype(int))
            by_hand.parameter_gradients(loss.backward())
            optimizer.step()
    list(train(model, momentum(model), DATA, PLAN))
    for name, value in model.state_dict().items():
        assert value == pytest.approx(by_hand.state_dict()[name], rel=1e-9, abs=1e-12)


def test_chance_is_handed_only_to_a_network_that_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def noting(seed: int, name: Stream, epoch: int = 0, batch: int | None = None) -> np.random.Generator:
        asked.append((name, epoch, batch))
        return stream(seed, name, epoch, batch)

    monkeypatch.setattr("experiments.training.loop.stream", noting)
    for model in (network(), drawing_network()):
        next(train(model, momentum(model), DATA, PLAN))
    drawn = [("dropout", 1, 1), ("dropout", 1, 2), ("dropout", 1, 3)]
    assert asked == [("order", 1, None), ("order", 1, None), *drawn]


def test_measuring_after_an_epoch_draws_nothing_and_follows_nothing() -> None:
    model, other = drawing_network(), drawing_network()
    list(train(model, momentum(model), DATA, PLAN))
    list(train(other, momentum(other), dataset(test=3, validation=9), changed(PLAN, train_accuracy_images=2)))
    assert weights(model) == weights(other)


def test_training_learns() -> None:
    model = network()
    results = list(train(model, adam(model), DATA, changed(PLAN, epochs=100)))
    assert results[-1].metrics["train/loss"] < 0.5 * results[0].metrics["train/loss"]


ONE_CYCLE = OneCycleSchedule(rise_fraction=0.5, warmup_epochs=1.5)  # the warm-up ends within the second epoch


@pytest.mark.parametrize("plan", [PLAN, COSINE, changed(PLAN, schedule=ONE_CYCLE, clip_norm=0.1, label_smoothing=0.1)])
@pytest.mark.parametrize("make", [momentum, adam])
@pytest.mark.parametrize("build", [network, drawing_network])
def test_going_on_after_an_epoch_is_as_if_never_stopped(
    build: Callable[[], Sequential], make: MakeOptimizer, plan: Plan
) -> None:
    straight, first, second = build(), build(), build()
    uninterrupted = list(train(straight, make(straight), DATA, plan))

    optimizer = make(first)
    next(train(first, optimizer, DATA, plan))
    later = make(second)
    second.load_state_dict(first.state_dict())
    later.load_state_dict(optimizer.state_dict())
    resumed = list(train(second, later, DATA, plan, start=Place(1)))

    assert [result.epoch for result in resumed] == [2, 3]
    assert without_times(resumed) == without_times(uninterrupted[1:])
    assert weights(second) == weights(straight)


def test_nothing_is_left_to_do_after_the_last_epoch() -> None:
    model = network()
    assert list(train(model, momentum(model), DATA, PLAN, start=Place(3))) == []


def test_nothing_is_trained_before_it_is_asked_for() -> None:
    model = network()
    before = weights(model)
    train(model, momentum(model), DATA, PLAN)
    assert weights(model) == before


def test_seed_decides_the_order() -> None:
    model, other = network(), network()
    list(train(model, momentum(model), DATA, PLAN))
    list(train(other, momentum(other), DATA, changed(PLAN, seed=6)))
    assert weights(model) != weights(other)


def test_plan_decides_the_type_of_the_arithmetic() -> None:
    model, seen = network("float32"), set()

    def watch(batches: Iterable[Batch], _: Place) -> Iterator[Batch]:
        for batch in batches:
            seen.add(batch.x.dtype)
            yield batch

    list(train(model, momentum(model), DATA, changed(PLAN, dtype="float32"), watch=watch))
    assert seen == {np.dtype("float32")}


def test_watch_sees_every_batch_of_every_epoch() -> None:
    model, seen = network(), []

    def watch(batches: Iterable[Batch], place: Place) -> Iterator[Batch]:
        for batch in batches:
            seen.append((place.epochs, len(batch.labels)))
            yield batch

    list(train(model, momentum(model), DATA, changed(PLAN, epochs=2), watch=watch))
    assert seen == [(0, 10), (0, 10), (0, 5), (1, 10), (1, 10), (1, 5)]


def test_loss_that_is_no_number_names_batch_and_epoch() -> None:
    model = network("float32")
    optimizer = SGD(model.parameters(), lr=1e30)
    with pytest.raises(DivergedError, match=r"^the loss is nan in batch [23] of epoch 1$"):
        list(train(model, optimizer, DATA, changed(PLAN, dtype="float32")))


def test_weights_that_are_no_numbers_are_noticed_in_the_first_batch() -> None:
    model = network()
    model.parameters()[0].value[...] = np.nan
    with pytest.raises(DivergedError, match=r"batch 1 of epoch 1$"):
        list(train(model, momentum(model), DATA, PLAN))


def test_epoch_in_which_it_diverges_has_no_result() -> None:
    model = network("float32")
    optimizer = SGD(model.parameters(), lr=0.01)
    results = train(model, optimizer, DATA, changed(PLAN, dtype="float32"))
    assert next(results).epoch == 1
    optimizer.lr = 1e30
    with pytest.raises(DivergedError, match=r"of epoch 2$"):
        next(results)


def test_divergence_on_several_threads_is_no_warning() -> None:
    # Warnings are errors here; the threads of the layers must not forget that overflow is expected.
    model = simple_cnn((1, 20, 20), 3, channels=[8, 8], rng=np.random.default_rng(0))
    data = dataset()
    pixels = images(25, shape=(1, 20, 20))
    wide = type(data)("wide", pixels, pixels, classes=3, scale=1 / 255)
    with pytest.raises(DivergedError), threadpool_limits(1, user_api="blas"), parallel.threads(3):
        list(train(model, SGD(model.parameters(), lr=1e30), wide, changed(PLAN, dtype="float32")))


def wide_network() -> Sequential:
    return simple_cnn((1, 40, 40), 3, channels=[8, 8], pool=2, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "build", [wide_network, partial(drawing_network, "float32", 40)], ids=["simple_cnn", "with batch norm and dropout"]
)
def test_number_of_threads_changes_no_bit(build: Callable[[], Sequential]) -> None:
    ends = []
    for count in (1, 2, 3):
        model = build()
        pixels = images(64, shape=(1, 40, 40))
        data = type(DATA)("wide", pixels, pixels, classes=3, scale=1 / 255)
        with threadpool_limits(1, user_api="blas"), parallel.threads(count):
            results = list(train(model, momentum(model), data, changed(PLAN, dtype="float32", batch_size=32)))
        ends.append((weights(model), without_times(results)))
    assert ends[0] == ends[1] == ends[2]


def test_times_are_those_of_the_clock() -> None:
    model = network()
    ticks = iter([100.0, 101.0, 102.0, 103.0, 105.0, 105.0, 108.0])  # begun, three batches, trained, evaluated
    result = next(train(model, momentum(model), DATA, PLAN, clock=lambda: next(ticks)))
    assert result.metrics["time/epoch_s"] == 8.0
    assert result.metrics["time/images_per_s"] == 25 / 5.0
