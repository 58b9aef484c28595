"""Processes that begin a run at the same moment, forked from one that has imported what takes seconds."""

import multiprocessing
import os
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from pathlib import Path

from experiments.config.schema import Config
from experiments.runs.execute import execute
from experiments.tracking.process import publishing
from tests.end_to_end.conftest import PATIENCE


def preloaded() -> ForkServerContext:
    """What starts processes that find everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.end_to_end.preloaded"])
    return context


def begin_at_once(configs: list[Config], said: Path) -> list[int | None]:
    """Carry out runs as commands do, each in a process; they wait for one another first. Return their exit codes.

    Args:
        configs: the runs.
        said: a file for what the processes say.
    """
    context = preloaded()
    barrier = context.Barrier(len(configs))
    processes = [context.Process(target=_carry_out, args=(config, barrier, said)) for config in configs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    return [process.exitcode for process in processes]


def _carry_out(config: Config, barrier: Barrier, said: Path) -> None:
    terminal = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(terminal, stream)
    barrier.wait(PATIENCE)
    with publishing(config.tracking.uri, Path(config.outputs_dir)):
        execute(config)
