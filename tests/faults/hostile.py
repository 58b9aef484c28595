"""Files of a stranger in the place of a run's own: nothing in them is carried out, and their size is not believed."""

import io
import json
import os
import pickle
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults import job
from tests.faults.evidence import epochs_recorded, left_open, lost_in_folder, lost_in_store, run_folder
from tests.faults.ground import Ground
from tests.faults.processes import Started, fork, until
from tests.faults.trial import Trial, without_repetitions

KIND = "hostile"
_MEMORY = 1 << 30  # bytes that a command may take besides what it has at its start
_SECONDS = 60.0  # that it may take
_LINES = 3  # that a refusal may have
_HUGE = 3 << 30  # bytes that a bomb unpacks to


class _Payload:
    """What makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self._canary,)


def trial(seed: int, ground: Ground) -> Trial:
    """One hostile file; checkpoints, configurations and other files of a run take turns."""
    name = [*_CHECKPOINTS, *_CONFIGURATIONS, *_FILES][seed % NUMBER]
    outputs = ground.outputs(KIND)
    canary = outputs.parent / "canary"
    if name in _CHECKPOINTS:
        command, lost = _with_checkpoint(_CHECKPOINTS[name], canary, outputs, ground)
    elif name in _FILES:
        command, lost = _with_file(*_FILES[name], outputs, ground)
    else:
        command, lost = _with_configuration(_CONFIGURATIONS[name], canary, outputs)
    lost += ["what it brought was carried out"] if canary.exists() else []
    lost += ["there is a traceback"] if "Traceback" in command.err else []
    return Trial("hostile file", seed, name, without_repetitions(lost), command.out + command.err)


def _with_checkpoint(
    write: Callable[[Path, Path], None], canary: Path, outputs: Path, ground: Ground
) -> tuple[Started, list[str]]:
    """A run that was killed and finds another checkpoint begins anew, and ends as ever."""
    stopped = fork(job.words(outputs), outputs.parent)
    assert until(lambda: epochs_recorded(outputs) >= 2, stopped)
    stopped.kill()
    write(run_folder(outputs) / "checkpoint.npz", canary)
    command = fork(job.words(outputs), outputs.parent, memory=_MEMORY)
    code = command.wait(_SECONDS)
    if code:
        return command, [] if len(command.err.splitlines()) <= _LINES else [f"it ends with {code} in many words"]
    lost = [] if "The run begins anew" in command.err else ["it says nothing of what it found"]
    lost += lost_in_folder(run_folder(outputs), ground.undisturbed().result)
    return command, lost + left_open(outputs / "mlflow.db")


def _with_file(name: str, write: Callable[[Path], object], outputs: Path, ground: Ground) -> tuple[Started, list[str]]:
    """A finished run that has another file ends as ever, or is refused in a few words; so is `sync`, twice."""
    finished = fork(job.words(outputs), outputs.parent)
    assert finished.wait() == 0, finished.err
    path = run_folder(outputs) / name
    path.unlink(missing_ok=True)
    write(path)
    theirs = _others_files(outputs)
    command = fork(job.words(outputs), outputs.parent, memory=_MEMORY)
    code = command.wait(_SECONDS)
    lost = [f"it ends with {code} in many words"] if code and len(command.err.splitlines()) > _LINES else []
    for _ in range(2):
        synced = fork(["sync", "--outputs-dir", str(outputs)], outputs.parent, memory=_MEMORY)
        synced.wait(_SECONDS)
        lost += ["sync: there is a traceback"] if "Traceback" in synced.err else []
        lost += [f"sync says {synced.err}"] if len(synced.err.splitlines()) > _LINES else []
    lost += ["files of somebody else were changed"] if _others_files(outputs) != theirs else []
    if code:
        return command, lost
    folder, expected, database = run_folder(outputs), ground.undisturbed().result, outputs / "mlflow.db"
    lost += lost_in_folder(folder, expected) + left_open(database)
    return command, lost + lost_in_store(database, outputs / "artifacts", folder, expected, again=True)


def _others_files(outputs: Path) -> dict[Path, bytes]:
    """What lies beside an outputs folder, but for what commands have said."""
    beside = (path for path in outputs.parent.iterdir() if path.is_file() and not path.name.startswith("said"))
    return {path: path.read_bytes() for path in beside}


def _with_configuration(text: str, canary: Path, outputs: Path) -> tuple[Started, list[str]]:
    """A configuration of somebody else's is refused, and no run is begun."""
    folder = outputs.parent / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "evil.yaml").write_text("# @package _global_\n" + text.replace("CANARY", str(canary)))
    where = ["--config-dir", str(folder.parent)]
    command = fork([*job.words(outputs), "experiment=evil", *where], outputs.parent, memory=_MEMORY)
    code = command.wait(_SECONDS)
    lost = [] if code else ["it is not refused"]
    lost += ["it is refused in many words"] if len(command.err.splitlines()) > _LINES else []
    return command, lost + (["a run was begun"] if (outputs / "runs").exists() else [])


def _archive(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def _header(shape: str, descr: str = "'<f4'") -> bytes:
    """The beginning of a `.npy` file that says of itself what it likes."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text + b"\n").to_bytes(2, "little") + text + b"\n"


def _pickled(path: Path, canary: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.array([_Payload(canary)], dtype=object), allow_pickle=True)
    _archive(path, {"epoch.npy": content.getvalue()})


def _only_a_pickle(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(_Payload(canary)))


def _bomb(path: Path, _canary: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("epoch.npy", "w", force_zip64=True) as file,
    ):
        file.write(_header(f"({_HUGE // 4},)"))
        for _ in range(_HUGE >> 26):
            file.write(bytes(1 << 26))


def _huge_shape(path: Path, _canary: Path) -> None:
    _archive(path, {"epoch.npy": _header("(1000000000000,)") + bytes(64)})


def _huge_header(path: Path, _canary: Path) -> None:
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * (1 << 25) + b"), }\n"
    content = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text
    _archive(path, {"epoch.npy": content}, zipfile.ZIP_DEFLATED)


def _deep_header(path: Path, _canary: Path) -> None:
    _archive(path, {"epoch.npy": _header("(" * 5000 + ")" * 5000)})


def _many_entries(path: Path, _canary: Path) -> None:
    _archive(path, {f"{number}.npy": b"" for number in range(100_000)})


_CHECKPOINTS: dict[str, Callable[[Path, Path], None]] = {
    "a pickled object in the checkpoint": _pickled,
    "a pickle for a checkpoint": _only_a_pickle,
    "a checkpoint that unpacks to 3 GB": _bomb,
    "a checkpoint with an array of a trillion numbers": _huge_shape,
    "a checkpoint with a header of 64 MB": _huge_header,
    "a checkpoint with a header of deep brackets": _deep_header,
    "a checkpoint of a hundred thousand arrays": _many_entries,
}
_CALL = "{_target_: logging.FileHandler, filename: CANARY}"  # what Hydra has not put on its own list
_CONFIGURATIONS = {
    "a configuration with _target_ at the top": "_target_: logging.FileHandler\nfilename: CANARY\n",
    "a configuration with _target_ in a group": f"model: {_CALL}\n",
    "a configuration with a callback of Hydra's": f"hydra:\n  callbacks:\n    evil: {_CALL}\n",
    "a configuration with a launcher of its own": f"hydra:\n  launcher: {_CALL}\n",
    "a configuration with a sweeper of its own": f"hydra:\n  mode: MULTIRUN\n  sweeper: {_CALL}\n",
    "a configuration with a log handler of its own": (
        "hydra:\n  job_logging:\n    version: 1\n    root: {handlers: [evil]}\n"
        "    handlers: {evil: {'()': logging.FileHandler, filename: CANARY}}\n"
    ),
    "a configuration with a Python object": "model: !!python/object/apply:os.system ['touch CANARY']\n",
    "a configuration that multiplies itself": "".join(
        f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" if n else "l0: &l0 [x, x, x, x, x, x, x, x, x]\n"
        for n in range(10)
    ),
    "a configuration of deep brackets": "model: " + "[" * 20_000 + "]" * 20_000 + "\n",
}


def _saying(content: object) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps(content))


def _vouching_for(files: object) -> Callable[[Path], object]:
    """A marker with a seal of its own."""
    marker: dict[str, Any] = {
        "outcome": "completed",
        "stopped_early": None,
        "final": {"test/accuracy": 1.0, "best/test_accuracy": 1.0, "best/epoch": 1},
        **dict.fromkeys(("weights.sha256", "data.sha256"), "0" * 64),
        **dict.fromkeys(("model.parameters", "model.multiply_adds"), 1),
        "files.sha256": files,
    }
    return _saying({**marker, "sha256": sha256(json.dumps(marker, sort_keys=True).encode()).hexdigest()})


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _one_line(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 29)


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 43)


_TARGET = {"uri": "sqlite:///<outputs_dir>/mlflow.db", "experiment": "cnn", "sweep": "", "name": "a", "key": "a" * 32}
_STATUS = {"outcome": "running", "started_ms": 1, "ended_ms": None}
_TAGS = ("run.key", "identity", "mlflow.parentRunId", "sweep.id", "mlflow.runName")


def _aiming_at(*others: dict[str, str]) -> Callable[[Path], object]:
    """Targets that differ in this from one that a run might have."""

    def write(path: Path) -> None:
        listed = json.dumps({"targets": [_TARGET | other for other in others]})
        path.write_text(listed.replace("BESIDE", str(path.parents[3])))

    return write


def _aiming_at_database(path: Path) -> None:
    database = path.parents[3] / "theirs.db"
    with closing(sqlite3.connect(database)) as theirs, theirs:
        theirs.execute("CREATE TABLE bookmarks (address TEXT)")
    _aiming_at({"uri": f"sqlite:///{database}"})(path)


def _published(path: Path) -> None:
    """Of the run's own target, but with other ids, files and numbers."""
    (key,) = (target["key"] for target in json.loads((path.parent / "targets.json").read_text())["targets"])
    files = {"../../../canary": 1, "config.yaml": -1, "train.log": "a"}
    _saying({key: {"run_id": "b" * 32, "experiment_id": 7, "epochs": 10**90, "state": [], "files": files}})(path)


_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a marker that vouches for a device": ("finished.json", _vouching_for({"/dev/zero": "0" * 64})),
    "a marker that vouches for folders": ("finished.json", _vouching_for({"../..": "0" * 64, "": "0" * 64})),
    "a marker that vouches for a number": ("finished.json", _vouching_for([1])),
    "a marker that says next to nothing": ("finished.json", _saying({"outcome": "completed", "final": {}})),
    "a pipe for a marker": ("finished.json", os.mkfifo),
    "a pipe for a history": ("history.jsonl", os.mkfifo),
    "a history without end": ("history.jsonl", _endless),
    "a history of one line of 512 MB": ("history.jsonl", _one_line),
    "a history of 8 TB": ("history.jsonl", _huge),
    "a pipe for a checkpoint": ("checkpoint.npz", os.mkfifo),
    "a checkpoint without end": ("checkpoint.npz", _endless),
    "a pipe for a log": ("train.log", os.mkfifo),
    "a log that is a device": ("train.log", _endless),
    "a pipe for targets": ("targets.json", os.mkfifo),
    "targets without end": ("targets.json", _endless),
    "targets of another kind": ("targets.json", _saying({"targets": [1, "a", {"uri": 1}, {**_TARGET, "more": 2}]})),
    "targets of deep brackets": ("targets.json", lambda path: path.write_text("[" * 200_000)),
    "targets out of the folder": (
        "targets.json",
        _aiming_at({"sweep": "../../.."}, {"key": "../a"}, {"key": "a' OR 1"}),
    ),
    "a target in a database that is not there": ("targets.json", _aiming_at({"uri": "sqlite:///BESIDE/canary"})),
    "a target in a database of somebody else": ("targets.json", _aiming_at_database),
    "a target on a server that is not there": ("targets.json", _aiming_at({"uri": "http://127.0.0.1:9"})),
    "a target in a file store": (
        "targets.json",
        _aiming_at({"uri": "file:///BESIDE/canary"}, {"uri": "BESIDE/canary"}),
    ),
    "a pipe for what was published": ("published.json", os.mkfifo),
    "what was published without end": ("published.json", _endless),
    "what was published out of the folder": ("published.json", _published),
    "a pipe for a status": ("status.json", os.mkfifo),
    "a status without end": ("status.json", _endless),
    "a status before all time": ("status.json", _saying({"outcome": "running", "started_ms": -(10**90), "facts": {}})),
    "a status after all time": ("status.json", _saying({"outcome": "failed", "started_ms": 1, "ended_ms": 10**90})),
    "a status with another's tags": ("status.json", _saying({**_STATUS, "facts": dict.fromkeys(_TAGS, "b" * 32)})),
    "a status with a tag of 4 MB": ("status.json", _saying({**_STATUS, "facts": {"a" * 4000: "b" * (4 << 20)}})),
}
NUMBER = len(_CHECKPOINTS) + len(_CONFIGURATIONS) + len(_FILES)
