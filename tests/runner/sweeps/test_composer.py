"""The configurations of a sweep's runs, held against Hydra's composition of each from its files."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.config.composition import register, typed
from experiments.config.explanation import explain
from experiments.sweeps.composer import Composer
from tests.runner.composed import CONF

Compose = Callable[[list[str]], Any]

RUNS = [
    # values
    "",
    "optimizer.lr=1 data.batch_size=32 model.channels=[4,8] trainer.threads=null optimizer.clip_norm=2 seed=1 seed=2",
    "++optimizer.lr=1e-3 +sweep.exclude=[{optimizer.lr:0.1}] tracking.experiment='a,b' optimizer.nesterov=True",
    "data.batch_size=0 model.channels=[]",
    "trainer.epochs=abc",
    "optimizer.lr=???",
    "model.channels=8",
    "model.channels.0=3",
    # what OmegaConf takes for true
    "optimizer.nesterov=3",
    "++optimizer.nesterov=0",
    # keys that don't exist
    "optimizer.beta1=0.5",
    "+optimizer.beta1=0.5",
    "++zzz=1",
    "+optimizer.lr=0.2",
    # interpolations
    "outputs_dir=/x data.root=${outputs_dir}/data optimizer.lr=${data.batch_size} data.batch_size=3",
    "optimizer.lr=${nope}",
    # choices, with values of theirs
    "optimizer.beta1=0.5 optimizer=adam optimizer.lr=0.2 launcher=joblib launcher.n_jobs=3",
    "experiment=mnist data.batch_size=7 sweep=lr_batch_size",
    "experiment=seed optimizer=adam",
    "data=mnst",
    "model=null",
    "++optimizer=adam",
    # more than a choice or a value
    "optimizer.lr=0.2 optimizer={lr:0.5}",
    "optimizer={lr:0.5} optimizer.lr=0.2",
    "~seed",
    "~optimizer",
    "optimizer@data=adam",
    "hydra.job.name=x seed=3",
]


def sweeper_of(*words: str) -> tuple[Any, DictConfig]:
    """The sweeper that Hydra makes for a command line, and the configuration it hands to it."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(words), RunMode.MULTIRUN)
        context = HydraContext(config_loader=loader, callbacks=None)  # type: ignore[arg-type]  # nobody calls back
        return Plugins.instance().instantiate_sweeper(
            config=config, hydra_context=context, task_function=lambda _: None
        ), config


@pytest.fixture(scope="module")
def sweeper() -> Any:
    return sweeper_of("hydra.job.chdir=false")[0]


@pytest.fixture(scope="module")
def composer(sweeper: Any) -> Composer:
    """One for all tests: what a run changes must not be seen by the next."""
    return Composer(sweeper._compose, sweeper._is_group)


def outcome(compose: Compose, words: list[str]) -> str:
    try:
        return repr(compose(words))
    except Exception as error:  # which one is the question
        return f"{type(error).__name__}: {explain(error, words)}"


@pytest.mark.parametrize("line", RUNS)
def test_run_is_what_hydra_composes_and_so_is_its_refusal(line: str, composer: Composer, sweeper: Any) -> None:
    def whole(words: list[str]) -> object:
        return typed(sweeper._compose(words))

    assert outcome(composer, line.split()) == outcome(whole, line.split())


@pytest.fixture
def counted(sweeper: Any) -> tuple[Composer, list[list[str]]]:
    """A composer, and what it has asked Hydra for."""
    asked: list[list[str]] = []

    def compose(words: list[str]) -> DictConfig:
        asked.append(words)
        composed: DictConfig = sweeper._compose(words)
        return composed

    return Composer(compose, sweeper._is_group), asked


def test_files_are_read_once_for_each_choice(counted: tuple[Composer, list[list[str]]]) -> None:
    composer, asked = counted
    for optimizer in ("sgd", "adam"):
        for seed in range(20):
            composer([f"seed={seed}", f"optimizer={optimizer}", "optimizer.lr=0.1"])
    assert asked == [["optimizer=sgd"], ["optimizer=adam"]]


def test_runs_share_nothing_that_can_be_changed(composer: Composer) -> None:
    one, other = composer(["seed=1"]), composer(["seed=2"])
    assert one.optimizer == other.optimizer
    assert one.optimizer is not other.optimizer
    vars(one.model)["channels"].append(3)
    assert vars(other.model)["channels"] == [8]


def test_what_is_decided_once_is_the_same_in_all_runs() -> None:
    # As the time of day is, ${now:…}, which may be part of outputs_dir.
    numbers = count()
    OmegaConf.register_new_resolver("number", lambda: f"number {next(numbers)}", use_cache=True, replace=True)
    word = "tracking.experiment=${number:}"
    sweeper, config = sweeper_of(word)
    composer = Composer(sweeper._compose, sweeper._is_group)
    assert config.tracking.experiment == "number 0"
    assert [composer([word, f"seed={seed}"]).tracking.experiment for seed in (1, 2)] == ["number 0", "number 0"]
