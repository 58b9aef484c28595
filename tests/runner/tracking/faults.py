"""What goes wrong between a publisher and its store: MLflow's client, one of whose calls comes to a bad end."""

from collections.abc import Callable
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.store.client import Client, mlflow
from experiments.store.store import Store
from experiments.tracking.publisher import Publisher


class Killed(BaseException):
    """The publisher's process is gone."""


class Fault(Enum):
    """What becomes of a call."""

    FAILS = "is not made"
    REFUSED = "is refused"
    LOST = "is made, and its answer lost"
    LATE = "is made after the next search; its answer is lost"
    KILLS = "is not made: the process is killed"
    KILLS_AFTER = "is made, then the process is killed"


class FaultyClient:
    """MLflow's client; notes the names of all calls."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self._faults: dict[str, Fault] = {}  # by the call's name
        self._late: list[Callable[[], Any]] = []
        self.calls: list[str] = []

    def expect(self, name: str, fault: Fault) -> None:
        """Have the next call of this name go wrong; no other."""
        self._faults = {name: fault}

    def settle(self) -> None:
        """Let what is late come, and nothing go wrong any more."""
        self._faults = {}
        while self._late:
            self._late.pop()()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return (lambda *words, **more: self._call(name, lambda: method(*words, **more))) if callable(method) else method

    def _call(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls.append(name)
        fault = self._faults.pop(name, None)
        if fault is not None:
            return self._go_wrong(call, fault)
        answer = call()
        if name == "search_runs":
            while self._late:
                self._late.pop()()
        return answer

    def _go_wrong(self, call: Callable[[], Any], fault: Fault) -> None:
        if fault is Fault.LATE:
            self._late.append(call)
        elif fault in (Fault.LOST, Fault.KILLS_AFTER):
            call()
        if fault in (Fault.KILLS, Fault.KILLS_AFTER):
            raise Killed
        exceptions, codes = mlflow().exceptions, mlflow().protos.databricks_pb2
        code = codes.INVALID_PARAMETER_VALUE if fault is Fault.REFUSED else codes.INTERNAL_ERROR
        raise exceptions.MlflowException("out of order", error_code=code)


def faulty_publisher(uri: str, outputs: Path) -> tuple[Publisher, FaultyClient]:
    """A publisher as in a process of its own, and what it talks to the store with."""
    faults = FaultyClient()
    return Publisher(_FaultyStore(uri, faults), outputs), faults


class _FaultyStore(Store):
    def __init__(self, uri: str, faults: FaultyClient) -> None:
        super().__init__(uri)
        self._faults = faults

    @cached_property
    def client(self) -> Client:
        self._faults.client = super().client
        return self._faults  # type: ignore[return-value]  # the same calls
