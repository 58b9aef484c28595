"""A rerun from the record to the verdict."""

from itertools import count
from os.path import exists, expanduser
from pathlib import Path

from filelock import FileLock, Timeout

from experiments.comparison.run_record import as_texts, record_in_folder
from experiments.config.recorded import recorded_config
from experiments.config.schema import Config, DataConfig
from experiments.data.sources import FASHION_MNIST, MNIST
from experiments.errors import UserError
from experiments.files import read_json, write_json
from experiments.lock import GLANCE
from experiments.reruns.changes import changes
from experiments.reruns.original import Original
from experiments.reruns.report import change_lines, closing, opening, verdict_lines
from experiments.reruns.verdict import Verdict, judge
from experiments.runs.environment import environment
from experiments.runs.execute import Rerun, execute
from experiments.runs.folder import RunFolder
from experiments.runs.identity import identity
from experiments.terminal import stdout
from experiments.tracking.process import publishing
from experiments.training.build import build_dataset

_SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST)}
_DIGITS = 12  # of a digest, to know it by


def run_again(original: Original, outputs_dir: Path, uri: str, tolerance: float | None) -> Verdict:
    """Run a recorded run again, say what differs from then, and whether the result is the same.

    Raises:
        UserError: this version cannot run it, or its data are not those of then.
    """
    recorded = recorded_config(original.config, f"{original.place}, config.yaml", outputs_dir=outputs_dir, uri=uri)
    config = recorded.config
    config.data.root = data_root(config.data, outputs_dir)
    _say(opening(original))
    _refuse_other_data(original, config)
    changed = changes(original, recorded.filled_in, as_texts(environment(config)))
    _say(change_lines(changed))

    of, verdicts = original.mlflow_id or original.word, []

    def conclude(folder: RunFolder) -> None:
        verdicts.append(judge(original.record, record_in_folder(folder), tolerance))
        write_json(folder.verdict, {"of": of, **verdicts[0].facts()})

    epochs = None if original.ended else len(original.record.history)
    with publishing(uri, outputs_dir):
        while not verdicts:  # at once but where another process has taken up the same stopped rerun, and finished it
            rerun = Rerun(of, _number(config, of), conclude)
            result = execute(config, name=f"rerun of {original.record.identity}", rerun=rerun, pause_after=epochs)
    _say(verdict_lines(verdicts[0], changed))
    _say(closing(result, config))
    return verdicts[0]


def data_root(data: DataConfig, outputs_dir: Path) -> str:
    """The recorded folder where it has any of the data's files, else the usual one.

    Missing files are downloaded: a record does not say where to.
    """
    source, root = _SOURCES.get(data.name), Path(expanduser(data.root))  # a home that is not here stays as it is
    if source is not None:
        names = [name for file in source.files for name in file.variants]
        if any(exists(folder / name) for folder in (root / source.name, root) for name in names):
            return data.root
    return str(outputs_dir / "data")


def _refuse_other_data(original: Original, config: Config) -> None:
    then = original.record.facts.get("data.sha256")
    now = build_dataset(config.data, config.seed, Path(config.outputs_dir, "cache")).digest()
    if then is not None and then != now:
        raise UserError(
            f"the data are not those of then: data.sha256 is {now[:_DIGITS]}, recorded is {then[:_DIGITS]}; "
            f"nothing was run, for no result could be the same"
        )


def _number(config: Config, of: str) -> int:
    """The first number that is free, or whose rerun can be gone on with."""
    for number in count(1):
        folder = RunFolder(Path(config.outputs_dir), identity(config), number)
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError:
            if _was_stopped(folder, config, of):
                break
        else:
            write_json(folder.verdict, {"of": of})
            break
    return number


def _was_stopped(folder: RunFolder, config: Config, of: str) -> bool:
    """Whether a folder has a rerun of the same run that nobody is at, and all of it was computed as it would be now."""
    try:
        with FileLock(folder.lock, timeout=GLANCE):
            begun = any(path.exists() for path in (folder.environment, folder.history, folder.checkpoint))
            same = not begun or read_json(folder.environment) == environment(config)
            return same and read_json(folder.verdict) == {"of": of} and not folder.finished.exists()
    except (Timeout, OSError):
        return False


def _say(text: str) -> None:
    stdout.print(text, markup=False, highlight=False)
