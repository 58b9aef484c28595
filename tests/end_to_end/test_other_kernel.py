"""Runs that were computed with another kernel of the BLAS, as on another CPU: found again, and told apart."""

import json
import platform
from pathlib import Path

import pytest

from tests.end_to_end.conftest import TINY, finish

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="names kernels of that architecture")


def test_sweep_over_a_run_of_another_kernel_reuses_it_and_says_so(tmp_path: Path, elsewhere: Path) -> None:
    outputs = tmp_path / "outputs"
    words = [*TINY, "trainer.epochs=1", f"outputs_dir={outputs}"]
    first = finish("train", *words, cwd=elsewhere, OPENBLAS_CORETYPE="Nehalem")
    assert first.returncode == 0, first.stderr
    (recorded,) = outputs.glob("runs/*/environment.json")
    assert json.loads(recorded.read_text())["blas"]["architecture"] == "Nehalem"

    again = finish("train", *words, cwd=elsewhere, OPENBLAS_CORETYPE="Haswell")
    said = "is already finished, computed with blas.architecture Nehalem; force=true repeats it"
    assert [line for line in again.stderr.splitlines() if line.endswith(said)] == again.stderr.splitlines()

    rates = "optimizer.lr=0.1,0.2,0.3"
    sweep = finish("train", "-m", *words, rates, cwd=elsewhere, OPENBLAS_CORETYPE="Haswell")
    assert sweep.returncode == 0, sweep.stderr
    assert "3 runs, 1 finished, 2 new" in sweep.stderr
    assert "was finished (with blas.architecture Nehalem)" in sweep.stderr
    remark = "lr=0.1 with blas.architecture Nehalem; the others with blas.architecture Haswell"
    assert remark in " ".join(sweep.stdout.split())
    assert "0.1 †" in sweep.stdout
    (page,) = outputs.glob("sweeps/*/comparison.html")
    assert remark in page.read_text()
