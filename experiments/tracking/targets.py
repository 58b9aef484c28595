"""Where a run or a sweep is to be shown, `targets.json`, and what stores have confirmed to show, `published.json`.

A target is one MLflow run. Its key is made once an attempt and becomes the tag `run.key`, by which a run is found whose
creation was never answered. Whoever holds the folder's lock writes targets; whoever publishes the folder, the rest.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from uuid import uuid4

from experiments.files import read_json, write_json
from experiments.store.uri import absolute_uri, is_run_id, public, sqlite_path

TARGETS = "targets.json"
PUBLISHED = "published.json"
_HERE = "sqlite:///<outputs_dir>/"  # of a store in the outputs folder, which may be moved
_SAFE_NAME = re.compile(r"[0-9A-Za-z_-]*")


@dataclass(frozen=True)
class Target:
    """One MLflow run that is to show a folder.

    Args:
        uri: of the store, without secrets.
        experiment: name.
        sweep: id of the sweep that it is a child of; "" if of none.
        name: in MLflow's list.
        key: of this attempt in this store, experiment and sweep.
        overrides: what sets it apart in the sweep.
        current: whether it shows what the folder has now; a replaced one is only closed.
    """

    uri: str
    experiment: str
    sweep: str
    name: str
    key: str
    overrides: str = ""
    current: bool = True

    def is_at(self, uri: str) -> bool:
        """Whether it is to be shown in this store."""
        return self.uri == public(absolute_uri(uri))

    @property
    def place(self) -> tuple[str, str, str]:
        """Store, experiment and sweep."""
        return self.uri, self.experiment, self.sweep


@dataclass(frozen=True)
class Published:
    """What a store has confirmed to show. Without it, the store is asked.

    Args:
        run_id: of the MLflow run.
        experiment_id: where it is.
        epochs: how many rows it may show; noted before they are sent, for MLflow withdraws none.
        state: status and digest of all that it shows besides files; "" while that is uncertain.
        files: those it has, by name, with the time of their last change in ns.
        doubtful: whether another run may have been created too, late.
    """

    run_id: str
    experiment_id: str
    epochs: int = 0
    state: str = ""
    files: dict[str, int] = field(default_factory=dict)
    doubtful: bool = False

    @property
    def is_final(self) -> bool:
        """Whether it shows how the run ended."""
        return self.state != "" and not self.state.startswith("RUNNING")


def new_target(uri: str, experiment: str, name: str, sweep: str = "", overrides: str = "") -> Target:
    """A target with a key of its own."""
    return Target(public(absolute_uri(uri)), experiment, sweep, name, uuid4().hex, overrides)


def targets(folder: Path) -> list[Target]:
    """All targets of a folder, oldest first; damaged ones do not count."""
    listed = (read_json(folder / TARGETS) or {}).get("targets")
    return [target for content in listed if (target := _target(content, folder))] if isinstance(listed, list) else []


def is_shown_at(folder: Path, uri: str) -> bool:
    """Whether a folder is to be shown in this store; one that cannot be read may be."""
    try:
        return any(target.is_at(uri) for target in targets(folder))
    except OSError:
        return True


def add_target(folder: Path, target: Target) -> None:
    """Have the folder shown there, if it is not yet."""
    known = targets(folder)
    if not any(other.current and other.place == target.place for other in known):
        _write(folder, [*known, target])


def replace_targets(folder: Path, places: Iterable[Target] | None = None) -> None:
    """Start new MLflow runs, in the place of all current ones or of those given: MLflow withdraws no value."""
    known = targets(folder)
    renewed = [target for target in known if target.current] if places is None else places
    past = [replace(target, current=False) for target in known]
    _write(folder, [*past, *(replace(target, key=uuid4().hex) for target in renewed)])


def published(folder: Path) -> dict[str, Published]:
    """What stores have confirmed, by key."""
    found = {}
    for key, content in (read_json(folder / PUBLISHED) or {}).items():
        if isinstance(content, dict) and is_run_id(content.get("run_id")) and "experiment_id" in content:
            noted = Published(**{part.name: content[part.name] for part in fields(Published) if part.name in content})
            if isinstance(noted.epochs, int) and isinstance(noted.files, dict) and isinstance(noted.state, str):
                found[key] = noted
    return found


def write_published(folder: Path, key: str, shown: Published) -> None:
    """Note what a store shows; only for whoever publishes the folder."""
    known = published(folder)
    if known.get(key) != shown:
        write_json(folder / PUBLISHED, {other: asdict(noted) for other, noted in (known | {key: shown}).items()})


def shown_by(folder: Path, uri: str, experiment: str, sweep: str = "") -> Published | None:
    """What is known of the MLflow run that shows a folder in this place."""
    place, shown = (public(absolute_uri(uri)), experiment, sweep), published(folder)
    return next((shown.get(target.key) for target in targets(folder) if target.current and target.place == place), None)


def shown_epochs(folder: Path) -> int:
    """How many epochs of what the folder has now some store may show."""
    shown = published(folder)
    current = [target.key for target in targets(folder) if target.current and target.key in shown]
    return max((shown[key].epochs for key in current), default=0)


def run_ids(folder: Path) -> list[str]:
    """The ids of all MLflow runs that show a folder, oldest first."""
    shown = published(folder)
    return [shown[target.key].run_id for target in targets(folder) if target.key in shown]


def _write(folder: Path, known: list[Target]) -> None:
    outputs_dir = str(folder.parent.parent.absolute())
    listed = [asdict(target) for target in known]
    for content in listed:
        path = sqlite_path(content["uri"])
        if path is not None and str(path.parent) == outputs_dir:
            content["uri"] = _HERE + path.name
    write_json(folder / TARGETS, {"targets": listed})


def _target(content: object, folder: Path) -> Target | None:
    """A target, if it is whole; it may come from a stranger."""
    try:
        target = Target(**content)  # type: ignore[arg-type]  # what is no mapping raises TypeError as well
    except TypeError:
        return None
    texts = (target.uri, target.experiment, target.sweep, target.name, target.key, target.overrides)
    if not all(isinstance(text, str) for text in texts) or not isinstance(target.current, bool):
        return None
    if not is_run_id(target.key) or not _SAFE_NAME.fullmatch(target.sweep):
        return None
    return replace(target, uri=target.uri.replace(_HERE, f"sqlite:///{folder.parent.parent.absolute()}/", 1))
