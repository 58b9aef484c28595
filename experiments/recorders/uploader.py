"""Uploading in the background: training never waits for a tracking store, and a store that fails is tried again.

A process has one thread for each store. It uploads what the process is at, then what earlier commands left.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from experiments.recorders.mlflow_client import StoreRefusesError, TrackerError, mlflow
from experiments.recorders.pending import pending_folders
from experiments.recorders.settling import is_unsettled, report_closed, settle_all
from experiments.recorders.tracker import Tracker, tracker
from experiments.recorders.uri import absolute_uri, public, sqlite_path
from experiments.recorders.view import ParentMissingError, View

_log = logging.getLogger(__name__)

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds after the first failure, the second, and so forth
_PARENT_PAUSE, _PARENT_PATIENCE = 0.2, 50  # seconds, times: another process is about to show the sweep
_SHARE = 0.05  # of the time a run took: so long may waiting for a store take at its end
_AT_LEAST, _FAILING_AT_LEAST = 3.0, 0.5  # seconds; the second if the store is known to fail
_settles = True
_ON_THIS_MACHINE = 60.0  # seconds; the store is as reliable as the disk, and at first makes its tables


class Uploader:
    """What uploads to one store.

    Args:
        uri: of the store.
        outputs_dir: where runs write.
    """

    def __init__(self, uri: str, outputs_dir: Path) -> None:
        self.uri, self._outputs_dir = absolute_uri(uri), outputs_dir
        self._views: dict[View, Tracker] = {}
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._woken = self._warned = self._stopped = False
        self._looking_around, self._settling = _settles, False  # looks for what earlier commands left, is at it
        self._left_alone: frozenset[Path] = frozenset()
        self._waited_in_vain = 0.0  # seconds
        self._has_uploaded = False  # since the last failure
        self._failures, self._failed_in_a_row, self._orphaned = 0, 0, 0
        self._due = 0.0  # when to try again after a failure

    def show(self, view: View, experiment: str) -> None:
        """Upload a view, now and whenever it changes."""
        mlflow()  # imported here: in the thread, it would share the processor with training for seconds
        with self._condition:
            self._views[view] = tracker(self.uri, experiment, self._outputs_dir)
            self._start()
        self.wake()

    def wake(self) -> None:
        """Look for what has changed."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def release(self, view: View, seconds: float) -> None:
        """Wait for a view to be complete, and give it up; what is missing is left to the next command.

        Args:
            view: of a run that has ended.
            seconds: how long the run took.
        """
        patience = self._patience(seconds)
        try:
            self._wait_for_end(view, patience)
        except KeyboardInterrupt:  # the run's end is on its way: half of it would show a finished run as RUNNING
            self._wait_for_end(view, min(patience, _AT_LEAST))
            raise
        finally:
            view.detach()
            with self._condition:
                self._views.pop(view, None)
                self._looking_around |= _settles and not view.is_complete
                self._woken = True
                self._condition.notify_all()

    def finish(self, seconds: float) -> None:
        """At the end of a command, wait for what earlier ones left as well, as long as for a run that took so long.

        A command that had nothing to show looks for it only now.
        """
        with self._condition:
            self._looking_around |= bool(self._left_alone)
            self._left_alone = frozenset()
        if self._thread is None and self._looking_around and is_unsettled(self.uri, self._outputs_dir):
            mlflow()
            with self._condition:
                self._start()
        self._wait(lambda: not (self._looking_around or self._settling), self._patience(seconds))
        self.stop()

    def leave_alone(self, folders: Iterable[Path]) -> None:
        """Settle these at the end only: the command comes to them, and would have to wait for its own lock."""
        self._left_alone = frozenset(folders)

    def stop(self) -> None:
        """Begin nothing any more; the next view begins again."""
        with self._condition:
            self._stopped = self._woken = True
            self._condition.notify_all()

    def _start(self) -> None:
        self._stopped = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"upload to {public(self.uri)}", daemon=True)
            self._thread.start()

    def _wait_for_end(self, view: View, patience: float) -> None:
        failures = self._failures
        self._wait(lambda: view.is_complete, patience)
        if not view.is_complete and self._failures == failures:
            self._warn("is too slow to be waited for")

    def _wait(self, done: Callable[[], bool], patience: float) -> None:
        """Wait until something is done, so many seconds at the most, and no longer than until the store fails."""
        with self._condition:
            if self._thread is None:
                return
            begun = time.monotonic()
            failures = self._failures
            self._due = 0.0
            self._woken = True
            self._condition.notify_all()
            while not done() and self._failures == failures and (left := begun + patience - time.monotonic()) > 0:
                self._condition.wait(left)
            if not done():
                self._waited_in_vain += time.monotonic() - begun

    def _patience(self, seconds: float) -> float:
        """How long to wait for the store after so many seconds of work."""
        if sqlite_path(self.uri) is not None:
            return _ON_THIS_MACHINE
        least = _FAILING_AT_LEAST if self._failed_in_a_row else _AT_LEAST
        return max(_SHARE * seconds, least) - self._waited_in_vain  # however many runs a command has

    def _work(self) -> None:
        while self._has_work():
            with self._condition:
                while not self._is_due():
                    self._condition.wait(max(0.01, self._due - time.monotonic()) if self._due else None)
                self._woken = False
                if self._stopped:
                    continue
            try:
                self._upload_all()
            except ParentMissingError as error:
                self._wait_for_parent(error)
            except Exception as error:  # whatever it is, training goes on
                self._fail(error)
            else:
                self._succeed()

    def _has_work(self) -> bool:
        """Whether anything may still come; else the thread ends, and the next view begins another."""
        with self._condition:
            if self._stopped or not (self._views or self._looking_around):
                self._thread = None
            return self._thread is not None

    def _is_due(self) -> bool:
        return self._stopped or (time.monotonic() >= self._due and (self._woken or self._due > 0))

    def _upload_all(self) -> None:
        self._upload_views()
        with self._condition:
            looks_around, self._looking_around = self._looking_around, False
            self._settling = looks_around
        if looks_around:
            folders = (folder for folder in pending_folders(self._outputs_dir) if folder not in self._left_alone)
            try:
                report_closed(settle_all(folders, self.uri), between=self._upload_views_too)
            except StoreRefusesError as error:  # what others left; what this command shows may be welcome all the same
                self._warn(str(error))
            finally:
                self._settling = False

    def _upload_views_too(self) -> None:
        """Between two folders that others left, one of which has just been settled."""
        self._has_uploaded = True
        self._upload_views()

    def _upload_views(self) -> None:
        with self._condition:
            stale = [(view, store) for view, store in self._views.items() if not view.is_current]
        for view, store in stale:
            self._has_uploaded |= view.upload(store)
            with self._condition:
                self._condition.notify_all()

    def _succeed(self) -> None:
        if self._failed_in_a_row and self._has_uploaded:
            _log.info("tracking.uri=%s: answers again", public(self.uri))
            self._failed_in_a_row = 0
        with self._condition:
            self._orphaned, self._due = 0, 0.0
            self._condition.notify_all()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, OSError):  # else the folder cannot be written to, as the run itself will say
            said = str(error) if isinstance(error, TrackerError) else f"{type(error).__name__}: {public(str(error))}"
            self._warn(said.removeprefix(f"tracking.uri={public(self.uri)}: "))
        with self._condition:
            self._has_uploaded = False
            self._failed_in_a_row += 1
            self._failures += 1
            self._looking_around = _settles
            self._try_again(_PAUSES[min(self._failed_in_a_row, len(_PAUSES)) - 1])

    def _wait_for_parent(self, error: ParentMissingError) -> None:
        self._orphaned += 1
        if self._orphaned < _PARENT_PATIENCE:
            self._try_again(_PARENT_PAUSE)
        else:
            self._fail(error)

    def _try_again(self, pause: float) -> None:
        with self._condition:  # it may be entered again by the thread that is in it
            self._due = time.monotonic() + pause
            self._condition.notify_all()

    def _warn(self, reason: str) -> None:
        """Say once in a process that something is missing for now."""
        if not self._warned:
            self._warned = True
            kept = (
                "Nothing is lost: the next command that tracks there uploads the rest, or python -m experiments.sync."
            )
            _log.warning("tracking.uri=%s: %s\n%s", public(self.uri), reason, kept)


uploader = cache(Uploader)


def settle_nothing() -> None:
    """Leave what earlier commands left to another process: this one has been begun for runs of a sweep."""
    global _settles  # noqa: PLW0603  # one for the process, as its uploaders are
    _settles = False
