"""What commands have in common: how a mistake is answered and, besides `train`, where the runs are."""

import argparse
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import join
from typing import NoReturn

from experiments.config.places import checkout
from experiments.config.schema import Config
from experiments.errors import UserError
from experiments.files import NO_ROOM
from experiments.interruption import INTERRUPTED, listening
from experiments.store.uri import absolute_uri, fault_of_address, fault_of_path, public
from experiments.terminal import stderr

FAILED, MISUSED = 1, 2  # exit codes


class _Parser(argparse.ArgumentParser):
    """Shows no password, also where it does not know what a word of the user means."""

    def error(self, message: str) -> NoReturn:
        super().error(public(message))


def plain_parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser of a command that needs no runs."""
    return _Parser(
        prog=f"python -m experiments.{name}",
        description=description,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser with the options that commands share which read runs."""
    made = plain_parser(name, description, example)
    made.add_argument(
        "--outputs-dir",
        type=_folder,
        default=checkout() / "outputs",
        metavar="DIR",
        help="where train wrote its runs (default: outputs/ of the checkout)",
    )
    made.add_argument(
        "--tracking-uri",
        type=_address,
        metavar="URI",
        help="MLflow's store (default: mlflow.db in the outputs dir)",
    )
    return made


def _folder(text: str) -> Path:
    path = Path(text).absolute()
    if fault := fault_of_path(str(path)):
        raise argparse.ArgumentTypeError(f"{path}: {fault}")
    return path


def _address(text: str) -> str:
    if fault := fault_of_address(text):
        raise argparse.ArgumentTypeError(f"{text}: {fault}")
    return text


def own_store(outputs_dir: Path) -> str:
    """The store in an outputs folder, which is used where nobody chooses one."""
    return f"sqlite:///{outputs_dir}/mlflow.db"


def tracking_uri(arguments: argparse.Namespace) -> str:
    """The store that was asked for, or the project's own, with a line if MLflow's variable names another."""
    if arguments.tracking_uri is not None:
        return absolute_uri(arguments.tracking_uri)
    uri = absolute_uri(own_store(arguments.outputs_dir))
    say_which_store([uri], "--tracking-uri ")
    return uri


def say_which_store(uris: Sequence[str], option: str) -> None:
    """Say which stores are used where nobody chose one and a user of MLflow would expect another.

    Args:
        uris: of the stores.
        option: what chooses another.
    """
    expected = os.environ.get("MLFLOW_TRACKING_URI")
    if expected and absolute_uri(expected) not in uris:
        used = public(", ".join(uris))
        remark = f"MLFLOW_TRACKING_URI is ignored, {used} is used; {option}$MLFLOW_TRACKING_URI chooses the other"
        stderr.print(remark, style="yellow", markup=False, highlight=False)


def say_if_default_store(config: Config) -> None:
    """Say so if a run is tracked in the project's own store and MLflow's variable names another."""
    if config.tracking.uri == own_store(Path(config.outputs_dir)):
        say_which_store([config.tracking.uri], "tracking.uri=")


def refuse_missing(outputs_dir: Path) -> None:
    """Refuse an outputs folder that is not there, which may be another one mistyped.

    Raises:
        UserError: it is not there.
    """
    if not outputs_dir.is_dir():
        raise UserError(f"--outputs-dir {outputs_dir}: there is no such folder; python -m experiments.train makes one")


def ui_command(outputs_dir: Path, uri: str) -> str:
    """The command that shows a store in MLflow's UI: it names what isn't where the UI would look for it."""
    words = ["python", "-m", "experiments.ui"]
    if outputs_dir != checkout() / "outputs":
        words += ["--outputs-dir", str(outputs_dir)]
    if absolute_uri(uri) != own_store(outputs_dir):
        words += ["--tracking-uri", public(uri)]
    return join(words)  # as a shell reads it: a folder's name may have spaces


def carried_out(command: Callable[[], None]) -> int:
    """Call a command and return its exit code; a mistake of the user ends in a message, not in a traceback."""
    try:
        with listening():
            command()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # an error of the program is raised again
        return answered(error)
    return 0


def answered(error: Exception) -> int:
    """Print an error that the user can mend, and return the exit code it ends with; raise any other again."""
    if isinstance(error, UserError):
        return complain(str(error), FAILED)
    if isinstance(error, MemoryError):
        wanted = f" ({error})" if str(error) else ""
        return complain(f"not enough memory{wanted}; make network, images or data.batch_size smaller", FAILED)
    if not isinstance(error, OSError):
        raise error
    place = error.filename2 or error.filename  # the second is what a draft was to become
    if error.errno in NO_ROOM:
        return complain(
            f"{place or 'outputs_dir'}: {error.strerror}; when there is room, the same command goes on", FAILED
        )
    if place is None:
        raise error
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST):
        return complain(
            f"{place}: {error.strerror}; move away what is in its place, or choose another outputs_dir", FAILED
        )
    return complain(f"{place}: {error.strerror}; is outputs_dir a folder that can be read and written?", FAILED)


def complain(message: str, code: int) -> int:
    """Print an error, without passwords that the user may have typed, and return the exit code it ends with."""
    stderr.print(public(message), style="red", markup=False, highlight=False)
    return code
