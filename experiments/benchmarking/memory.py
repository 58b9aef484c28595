"""Memory that training takes, ours and PyTorch's: one process for each figure, as memory that was once used stays.

Counted is what is resident at most while steps are taken, above what was before the first of them: activations,
gradients and all that is put down in between. Weights, images and the libraries are there already. Linux alone keeps
such a high-water mark.
"""

import os
import subprocess
import sys
from pathlib import Path

from experiments.benchmarking.cell import OURS
from experiments.benchmarking.nets import build_net, random_images
from experiments.benchmarking.numpy_work import NumpyWork
from experiments.benchmarking.work import Work

_STEPS = 4
_PROCESS = Path("/proc/self")
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # The C library gives back what is freed at once: what is resident is then in use, not left over from before.
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}


def training_bytes(contestant: str, net: str, batch: int) -> int:
    """Measure in a process of its own, on one thread.

    Args:
        contestant: "ours", or one of PyTorch's formats.
        net: by its name in `NETS`.
        batch: images a step.

    Raises:
        subprocess.CalledProcessError: it could not be measured; standard error says why.
    """
    words = [sys.executable, "-m", "experiments.benchmarking.memory", contestant, net, str(batch)]
    done = subprocess.run(words, env=os.environ | _ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def _measured_here(contestant: str, net: str, batch: int) -> int:
    """Measure in this process, which is good for one figure only."""
    _take_steps(_work(contestant, net, batch=2))  # whatever a library sets up once
    work = _work(contestant, net, batch)
    (_PROCESS / "clear_refs").write_text("5")  # the high-water mark falls to what is resident now
    before = _resident("VmRSS")
    _take_steps(work)
    return _resident("VmHWM") - before + _gradients_kept(contestant, net)


def _work(contestant: str, net: str, batch: int) -> Work:
    if contestant == OURS:
        return NumpyWork(build_net(net), random_images(batch), threads=1)
    from experiments.benchmarking.pytorch_work import PyTorchWork  # noqa: PLC0415  # an extra

    return PyTorchWork(build_net(net), random_images(batch), 1, contestant)


def _take_steps(work: Work) -> None:
    with work.ready(training=True):
        for _ in range(_STEPS):
            work.train(lambda _: None)


def _gradients_kept(contestant: str, net: str) -> int:
    """PyTorch's gradients of the weights come and go with every step, ours are there from the start."""
    if contestant != OURS:
        return 0
    return sum(parameter.grad.nbytes for parameter in build_net(net).parameters())


def _resident(field: str) -> int:
    """A field of the process's status in bytes; Linux gives it in units of 1,024."""
    lines = (_PROCESS / "status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    chosen_contestant, chosen_net, chosen_batch = sys.argv[1:]
    print(_measured_here(chosen_contestant, chosen_net, int(chosen_batch)))
