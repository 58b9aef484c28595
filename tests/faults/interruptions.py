"""SIGINT, SIGTERM and SIGHUP at random moments of a run: it is closed in order, and the same command goes on."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.faults import job
from tests.faults.evidence import StoredRun, left_behind, left_open, run_folder, stored_runs
from tests.faults.evidence import lost as lost_of
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import fork, until
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "interruption"
_INTERRUPTED = 130
_CLOSED_TERMINAL = [signal.SIGHUP, signal.SIGHUP]  # it says so itself, and so does the shell
_SIGNALS = ([signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], _CLOSED_TERMINAL)


def trial(seed: int, ground: Ground) -> Trial:
    """Interrupt a run once, in one of the ways in which a person does."""
    draw = chance(KIND, seed)
    outputs = ground.outputs(KIND)
    seconds = ground.undisturbed().seconds
    numbers, moment = draw.choice(_SIGNALS), draw.random()
    command = fork(job.words(outputs), outputs.parent)
    until(lambda: list((outputs / "runs").glob("*")), command)
    time.sleep(moment * seconds)
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(command.pid, number)
    code = command.wait()
    lost = []
    if "interrupted; the same command" in command.err:  # it waits for its publisher; nobody waits for it any longer
        lost += _not_closed(outputs, code, command.err)
    lost += [f"process {pid} is left" for pid in command.end_all()]
    lost += _not_closed(outputs, code, command.err)
    again = fork(job.words(outputs), outputs.parent)
    lost += came_to_an_end(again)
    if not lost:
        lost += lost_of(outputs, ground.undisturbed().result)
    said = " and ".join(number.name for number in numbers)
    done = f"{said} {moment:.0%} of a run's time after it had begun"
    return Trial("SIGINT, SIGTERM or SIGHUP", seed, done, without_repetitions(lost), command.err + again.err)


def _not_closed(outputs: Path, code: int, said: str) -> list[str]:
    """What is wrong with how it ended, before any other command can mend it."""
    folder = run_folder(outputs)
    is_finished = (folder / "finished.json").exists()
    wrong = {
        f"it ended with {code}": code not in (0, _INTERRUPTED),
        "it ended with 0 by half": code == 0 and not is_finished,
        "there is a traceback": "Traceback" in said,
        "failure.txt speaks of an interruption": (folder / "failure.txt").exists(),
    }
    stored = stored_runs(outputs / "mlflow.db", folder.name, "cnn")
    ends = [(run.status, run.tags.get("outcome")) for run in stored]
    lost = [what for what, is_so in wrong.items() if is_so] + left_open(outputs / "mlflow.db") + left_behind(outputs)
    lost += [f"it is shown as {end}" for end in ends if end not in _ends(is_finished=is_finished)]
    return lost + _not_shown(folder / "history.jsonl", stored)


def _not_shown(history: Path, stored: list[StoredRun]) -> list[str]:
    """What the store has not, or has besides, of the epochs that the history has."""
    rows = [json.loads(line) for line in history.read_text().splitlines()] if history.exists() else []
    expected = {(key, row["epoch"]): value for row in rows for key, value in row["metrics"].items()}
    shown = [{pair: run.metrics[pair] for pair in run.metrics if not pair[0].startswith("best/")} for run in stored]
    if shown == [expected] or not (shown or expected):
        return []
    return [f"runs show {[len(metrics) for metrics in shown]} of {len(expected)} metrics"]


def _ends(*, is_finished: bool) -> list[tuple[str, str]]:
    return [("FINISHED", "completed")] if is_finished else [("KILLED", "interrupted")]
