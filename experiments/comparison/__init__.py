"""What runs have in common and what sets them apart; of a sweep, which setting to take.

A sweep: `comparison.py` compares its runs (`compared_run.py`) and settings (`setting.py`, `selection.py`), and all else
shows what came of it: `files.py` writes the files (`data_files.py`, `pictures.py`, `page.py`), `terminal_table.py` is
for the terminal, `mlflow_description.py` for MLflow.
Any runs: `run_finder.py` finds them, `run_record.py` reads them, `differences.py` says what sets them apart;
`experiment_frames.py` has those of a whole experiment.
"""
