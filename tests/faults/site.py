"""A tracking server with a proxy before it: what can be wrong on the way, and how it is put right again."""

from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

from tests.faults.proxy import Mode, Proxy
from tests.faults.server import Server


class Site:
    """A server that answers.

    Args:
        folder: for its artifacts.
        database: with MLflow's tables.
    """

    def __init__(self, folder: Path, database: Path) -> None:
        self.server = Server(folder, database)
        self.server.start()
        self.proxy = Proxy(self.server.port)

    def uri(self, fault: str | None) -> str:
        """What a client is to be told: there is something before the server only where requests have a fault."""
        return self.proxy.uri if fault in _OF_REQUESTS else f"http://127.0.0.1:{self.server.port}"

    def break_down(self, fault: str) -> None:
        """Let one of `FAULTS` begin."""
        FAULTS[fault](self)

    def begin_to_heal(self) -> None:
        """All will be well soon."""
        self.server.begin()
        self.proxy.mode = Mode.FORWARD

    def heal(self) -> None:
        """All is well again when this returns."""
        self.server.start()
        self.proxy.mode = Mode.FORWARD

    def close(self) -> None:
        """Leave nothing behind."""
        self.server.stop()
        self.proxy.close()


def _as(mode: Mode) -> Callable[[Site], None]:
    def begin(site: Site) -> None:
        site.proxy.mode = mode

    return begin


OF_THE_SERVER: dict[str, Callable[[Site], None]] = {
    "stopped": lambda site: site.server.stop(),
    "killed": lambda site: site.server.stop(SIGKILL),
    "stalled": lambda site: site.server.stall(),
}
_OF_REQUESTS = {f"requests {mode.value}": _as(mode) for mode in Mode if mode is not Mode.FORWARD}
FAULTS = OF_THE_SERVER | _OF_REQUESTS
