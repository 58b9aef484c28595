"""`python -m experiments.rerun RUN`: a recorded run, run again from its record and compared with it bit for bit."""

import argparse
import logging
import math
import sys

from experiments.command_line import FAILED, carried_out, parser, tracking_uri
from experiments.store.store import Store
from experiments.terminal import TerminalHandler


def main(words: list[str] | None = None) -> int:
    """Run it again; return 0 only if it is the same."""
    arguments = parser(
        "rerun",
        "Run a recorded run again, from its record alone, and compare every epoch's metrics and weights bit for bit.\n"
        "Says what differs from then in code, data, configuration and environment; exits 0 only if the result is the\n"
        "same. The rerun has a folder of its own, reruns/<identity>-<number> in the outputs dir.",
        "python -m experiments.rerun 3f9a",
    )
    arguments.add_argument("run", metavar="RUN", help="identity or MLflow run id, or the beginning of either")
    arguments.add_argument(
        "--tolerance",
        type=_tolerance,
        metavar="T",
        help="take metrics for equal that differ by no more than T, relatively, whatever the weights are: "
        "on a machine of another kind (e.g. 1e-5)",
    )
    arguments.add_argument(
        "--at-commit",
        action="store_true",
        help="run the code of then: the recorded commit and patch, in a temporary worktree of this checkout",
    )
    chosen = arguments.parse_args(words)
    codes: list[int] = []
    return carried_out(lambda: codes.append(_rerun(chosen))) or codes[0]


def _rerun(chosen: argparse.Namespace) -> int:
    # Only now what takes seconds to import: --help is answered at once.
    from experiments.reruns.at_commit import run_at_commit  # noqa: PLC0415  # as said above
    from experiments.reruns.course import run_again  # noqa: PLC0415  # likewise
    from experiments.reruns.original import find_original  # noqa: PLC0415  # likewise

    uri = tracking_uri(chosen)
    original = find_original(chosen.outputs_dir, Store(uri), chosen.run)
    if chosen.at_commit:
        return run_at_commit(original, chosen.outputs_dir, uri, chosen.tolerance)
    _show_log()
    verdict = run_again(original, chosen.outputs_dir, uri, chosen.tolerance)
    return FAILED if verdict.result == "different" else 0


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text}: must be a finite number above 0")
    return value


def _show_log() -> None:
    """Show what the run says while it trains."""
    logging.basicConfig(format="%(message)s", handlers=[TerminalHandler()])
    logging.getLogger("experiments").setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
