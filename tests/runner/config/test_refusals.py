"""Command lines that cannot be run: a line or two name key, value and rule, and nothing is written."""

from pathlib import Path

import pytest

from tests.runner.conftest import Command

MISUSED = 2

# words, then what the answer must contain: the key with its value, and the rule
CASES: list[tuple[str, str, str]] = [
    # keys that don't exist
    ("modle.channels=[8]", "modle", "did you mean model"),
    ("model.chanels=[8]", "model.chanels=[8]", "no such key; did you mean model.channels?"),
    ("lr=0.1", "lr=0.1", "no such key; did you mean optimizer.lr?"),
    ("channels=[8]", "channels=[8]", "no such key; did you mean model.channels?"),
    ("zzz=1", "zzz=1", "no such key"),
    ("optimizer.beta1=0.5", "optimizer.beta1=0.5", "no such key here, it belongs to optimizer=adam or adamw"),
    ("optimizer=adam optimizer.momentum=0.5", "optimizer.momentum=0.5", "it belongs to optimizer=rmsprop or sgd"),
    ("schedule.gamma=0.5", "schedule.gamma=0.5", "it belongs to schedule=step"),
    ("augmentation.shift=3", "augmentation.shift=3", "it belongs to augmentation=articles or standard"),
    ("+zzz=1", "zzz=1", "no such key"),
    ("+optimizer.beta1=0.5", "optimizer.beta1=0.5", "it belongs to optimizer=adam"),
    ("+optimizer.momentun=0.5", "optimizer.momentun=0.5", "no such key; did you mean optimizer.momentum?"),
    ("experiment=seed optimizer=adam", "experiment=seed optimizer=adam: do not go together", "(optimizer.momentum: "),
    # options that don't exist
    ("data=mnst", "data=mnst", "must be one of digits, fashion_mnist, mnist, mnist_5k, synthetic; did you mean mnist?"),
    ("augmentation=null", "augmentation=null", "by name"),
    ("model=null", "model=null", "by name"),
    # types
    ("trainer.epochs=abc", "trainer.epochs=abc", "could not be converted to Integer"),
    ("trainer.epochs=1.5", "trainer.epochs=1.5", "could not be converted to Integer"),
    ("trainer.epochs=true", "trainer.epochs=true", "could not be converted to Integer"),
    ("optimizer.nesterov=3", "optimizer.nesterov=3", "must be true or false"),
    ("force=1", "force=1", "must be true or false"),
    ("-m optimizer.nesterov=true,3", "optimizer.nesterov=3", "must be true or false"),
    ("optimizer.lr=true", "optimizer.lr=true", "could not be converted to Float"),
    ("model.channels=8", "model.channels=8", "not a ListConfig, list or tuple"),
    ("seed=null", "seed=null", "not Optional"),
    ("optimizer.lr=${nope}", "optimizer.lr=${nope}", "'nope' not found"),
    # values
    ("data.batch_size=0", "data.batch_size=0", "must be at least 1"),
    ("optimizer.lr=nan", "optimizer.lr=nan", "must be a finite number above 0"),
    ("model.kernel_size=31", "kernel_size=31", "a kernel of 31 does not fit into an input of 28 padded to 30"),
    ("augmentation=standard data=digits augmentation.shift=8", "augmentation.shift=8", "must be less than the shorter"),
    ("trainer.patience=3", "trainer.patience=3", "needs data.validation_fraction above 0"),
    ("optimizer.name=adam", "optimizer.name=adam", "is set by optimizer=…, one of sgd, rmsprop, adam, adamw"),
    ("optimizer.clip_norm=0", "optimizer.clip_norm=0.0", "must be null or a finite number above 0"),
    ("schedule.warmup_epochs=5", "schedule.warmup_epochs=5.0", "must be less than trainer.epochs=5"),
    # words
    ("optimizer.lr=0.1,0.2", "optimizer.lr=0.1,0.2", "add -m to sweep over them"),
    ("optimizer.lr", "optimizer.lr", "KEY=VALUE"),
    ("model.channels=[", "model.channels=[", "KEY=VALUE"),
    ("~seed", "~seed", "KEY=VALUE"),
    ("--config-dir=/no/such/folder", "/no/such/folder", "not found"),
    # flags
    ("-m --cfg job optimizer.lr=0.1,0.2", "-m, --cfg, --info and -sc exclude one another", "dry_run=true"),
    ("--info config --cfg job", "-m, --cfg, --info and -sc exclude one another", "dry_run=true"),
    ("--resolve", "--resolve", "can only be used in conjunction with --cfg"),
    # sweeps: every run is checked before the first begins
    ("-m optimizer.lr=0.1,-1", "optimizer.lr=-1", "must be a finite number above 0"),
    ("seed=1 -m optimizer.lr=0.1,-2", "optimizer.lr=-2", "must be a finite number above 0"),
    ("-m optimizer.lr=0.1,0.10", "optimizer.lr=0.1", "two runs of the sweep are the same"),
    ("-m seed=1,2 data=imagenet", "data=imagenet", "must be one of digits"),
    ("-m seed=1,2 trainer.threads=1,2", "trainer.threads=1,2", "must be one value for all runs, it decides no result"),
    ("-m optimizer=adam,adamw optimizer.eps=1", "it belongs to optimizer=adam", "write ++optimizer.eps=1"),
    # keys taken together
    ("-m seed=1,2 sweep.zip=[seed,optimizer.lrr]", "sweep.zip=[seed,optimizer.lrr]", "optimizer.lrr is not swept"),
    ("-m seed=1,2 optimizer.lr=1,2,3 sweep.zip=[seed,optimizer.lr]", "sweep.zip=[", "optimizer.lr has 3, seed has 2"),
    ("-m seed=1,2 sweep.zip=${seed}", "sweep.zip=0", "must be a list"),
    ("-m seed=1,2 sweep.exclude=${model}", "sweep.exclude=", "must be a list"),
    ("-m seed=1,2 sweep.zip=seed,optimizer.lr", "sweep.zip=seed,optimizer.lr", "a list is written [a,b]"),
    # combinations left out
    ("-m seed=1,2 sweep.exclude=[{sead:1}]", "sweep.exclude=[{sead:1}]", "sead is not swept; did you mean seed?"),
    ("-m seed=1,2 sweep.exclude=[{seed:1},{seed:2}]", "sweep.exclude", "leaves nothing to run"),
    ("-m seed=1,2 sweep.exclude=[seed]", "sweep.exclude=[seed]", "must name keys and their values"),
    ("-m seed=1,2 sweep.exclude={seed:1}", "sweep.exclude={seed:1}", "must be a list, [{…}]"),
    # how a sweep is carried out
    ("-m seed=1,2 sweep.max_failures=0", "sweep.max_failures=0", "must be at least 1"),
    ("-m seed=1,2 sweep.halving=true sweep.min_epochs=5", "sweep.min_epochs=5", "must be less than trainer.epochs=5"),
    ("sweep.halving=true", "sweep.halving", "is about several runs; add -m and values to choose from"),
]


@pytest.mark.parametrize(("words", "named", "rule"), CASES, ids=[words for words, _, _ in CASES])
def test_refused(words: str, named: str, rule: str, train_command: Command, outputs: Path) -> None:
    code, out, err = train_command(*words.split(), f"outputs_dir={outputs}")
    assert code == MISUSED
    assert out == ""
    assert named in err
    assert rule in err
    assert 1 <= len(err.splitlines()) <= 2
    assert "Traceback" not in err
    assert not outputs.exists()


def test_empty_outputs_dir_is_refused(train_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = train_command("data=synthetic", "outputs_dir=")
    assert (code, out) == (MISUSED, "")
    assert err == "outputs_dir='': must not be empty\n"
    assert list(tmp_path.iterdir()) == []
