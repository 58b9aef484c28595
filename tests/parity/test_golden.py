"""The golden values are those that PyTorch gives."""

from pathlib import Path

from tests.core.arrays import distance
from tests.golden.files import FOLDER, read
from tests.golden.make_golden import make


def test_golden_files_are_what_their_script_makes(tmp_path: Path) -> None:
    make(tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == sorted(file.name for file in FOLDER.iterdir())
    for name in names:
        made, kept = read(Path(name).stem, tmp_path), read(Path(name).stem)
        assert made.keys() == kept.keys(), name
        for key, array in made.items():
            assert array.dtype == kept[key].dtype, f"{name}: {key}"
            assert distance(array, kept[key]) <= 1e-11, f"{name}: {key}"  # the last digits are the machine's


def test_golden_files_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 300_000
