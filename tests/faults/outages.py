"""A tracking server that is away or out of its mind during a run: the run goes on, and later nothing is missing."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults import job
from tests.faults.evidence import (
    Result,
    epochs_recorded,
    left_behind,
    left_open,
    lost_in_folder,
    lost_in_store,
    run_folder,
    stored_runs,
    unusual,
)
from tests.faults.ground import Ground
from tests.faults.kills import came_to_an_end
from tests.faults.processes import Started, fork, until
from tests.faults.site import FAULTS, OF_THE_SERVER, Site
from tests.faults.trial import Trial, chance, without_repetitions

KIND = "outage"
EPOCHS, IMAGES = 30, 600  # some seconds, so that a fault has a time to begin and to end
IMAGES_OF_LONG_RUNS = 1800  # where a server is to be up again before the end: it takes seconds for that
_LINES = 2  # that a command may say of a store: what is wrong, and, where something else was before, that too
LINGERS = 20.0  # seconds that a command may take longer because of a server


@dataclass(frozen=True)
class Plan:
    """When what happens.

    Args:
        fault: of the server.
        begins: after which epoch; 0 is before the command.
        ends: after which epoch; None is after the command.
        dies: after which epoch the run itself is killed, if it is.
        recovery: which command comes next.
    """

    fault: str
    begins: int
    ends: int | None
    dies: int | None
    recovery: str

    @property
    def images(self) -> int:
        """How large the run is."""
        return IMAGES_OF_LONG_RUNS if self.fault in OF_THE_SERVER and self.ends is not None else IMAGES

    def __str__(self) -> str:
        ends = "the command's end" if self.ends is None else f"epoch {self.ends}"
        dies = "" if self.dies is None else f", killed after epoch {self.dies}"
        return f"from epoch {self.begins} to {ends}{dies}, then {self.recovery}"


def trial(seed: int, ground: Ground) -> Trial:
    """One run, one fault of the server, and what the store shows in the end."""
    plan = _plan(seed, chance(KIND, seed))
    outage = _Outage(ground.site, ground.outputs(KIND), plan)
    expected, seconds = ground.undisturbed(EPOCHS, images=plan.images)
    lost = outage.carry_out(seconds)
    lost += outage.recover(plan.recovery)
    if outage.died and plan.recovery != "the same command":  # that has gone on with the run already
        lost += outage.lost_of_interrupted()
        lost += outage.recover("the same command")
    if not lost:
        lost += outage.lost(expected)
    return Trial(f"server {plan.fault}", seed, str(plan), without_repetitions(lost), outage.said)


def _plan(seed: int, draw: Random) -> Plan:
    """The faults take turns; all else is drawn."""
    begins = draw.choice([0, draw.randrange(1, EPOCHS), EPOCHS])
    ends = draw.choice([None, min(begins + draw.randrange(1, 12), EPOCHS)])
    dies = draw.randrange(begins + 1, EPOCHS) if begins < EPOCHS - 1 and draw.random() < 0.25 else None
    recovery = draw.choice(["sync", "the same command", "another run"])
    return Plan(list(FAULTS)[seed % len(FAULTS)], begins, ends, dies, recovery)


class _Outage:
    """A run whose server has a fault."""

    def __init__(self, site: Site, outputs: Path, plan: Plan) -> None:
        self._site, self._outputs, self._plan = site, outputs, plan
        self._experiment = outputs.parent.name
        self._uri = site.uri(plan.fault)
        self._tracking = [f"tracking.uri={self._uri}", f"tracking.experiment={self._experiment}"]
        self.said = ""
        self.died = False

    def carry_out(self, seconds: float) -> list[str]:
        """Carry out the command while the server has its fault, put that right, and return what was wrong.

        Args:
            seconds: that the command takes without any server.
        """
        plan, site = self._plan, self._site
        site.heal()
        if plan.begins == 0:
            site.break_down(plan.fault)
        command = self._begin("the same command")
        for epoch, act in self._events(command):
            if until(lambda epoch=epoch: epochs_recorded(self._outputs) >= epoch, command):  # type: ignore[misc]
                act()
        code = command.wait()
        took = time.monotonic() - command.begun
        site.heal()
        self._folder = run_folder(self._outputs)
        is_finished = (self._folder / "finished.json").exists()  # it was only waiting for its publisher
        was_killed = plan.dies is not None and code == -9
        self.died = was_killed and not is_finished
        said = unusual(command.err)
        self.said += command.err
        wrong = {
            f"the command ends with {code}": code != 0 and not was_killed,
            f"the command takes {took:.0f} s instead of {seconds:.0f}": took > seconds + LINGERS,
            f"it says {len(said)} lines: {said}": len(said) > _LINES,
        }
        return [what for what, is_so in wrong.items() if is_so]

    def recover(self, how: str) -> list[str]:
        """Carry out the next command, and return what was wrong with it."""
        command = self._begin(how)
        wrong = came_to_an_end(command)
        self.said += command.err
        return [f"{how}: {what}" for what in wrong]

    def lost_of_interrupted(self) -> list[str]:
        """What is missing of a run that was killed and is not gone on with yet."""
        rows = [json.loads(line) for line in (self._folder / "history.jsonl").read_text().splitlines()]
        expected = {(key, row["epoch"]): value for row in rows for key, value in row["metrics"].items()}
        shown = stored_runs(self._site.server.database, self._folder.name, self._experiment)
        if not any(run.status == "KILLED" and run.metrics == expected for run in shown):
            found = [(run.status, len(run.metrics)) for run in shown]
            return [f"no run is shown as KILLED with its {len(expected)} metrics: {found}"]
        return []

    def lost(self, expected: Result) -> list[str]:
        """What is missing in the end."""
        server = self._site.server
        sync = self._begin("sync")
        return [
            *lost_in_folder(self._folder, expected),
            *lost_in_store(server.database, server.artifacts, self._folder, expected, experiment=self._experiment),
            *left_open(server.database, self._experiment),
            *left_behind(self._outputs),
            *came_to_an_end(sync),
            *([] if sync.out.startswith("nothing is missing") else [f"sync still finds something: {sync.out}"]),
        ]

    def _begin(self, what: str) -> Started:
        folder, tracking = self._outputs.parent, self._tracking
        match what:
            case "sync":
                where = ["--outputs-dir", str(self._outputs), "--tracking-uri", self._uri]
                return fork(["sync", *where], folder)
            case "another run":
                return fork(job.words(self._outputs, *tracking, "seed=1", epochs=1), folder)
            case _:
                return fork(job.words(self._outputs, *tracking, epochs=EPOCHS, images=self._plan.images), folder)

    def _events(self, command: Started) -> Iterator[tuple[int, Callable[[], None]]]:
        """What happens during the command, after which epoch, in order."""
        plan, site = self._plan, self._site
        events = [
            (plan.begins or None, lambda: site.break_down(plan.fault)),
            (plan.ends, site.begin_to_heal),
            (plan.dies, command.kill),
        ]
        happening = [(epoch, act) for epoch, act in events if epoch is not None]
        yield from sorted(happening, key=lambda event: event[0])
