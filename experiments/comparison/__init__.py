"""What runs have in common and what sets them apart; of a sweep, which setting to take.

Of a sweep: `comparison.py` compares, `files.py` writes, `terminal_table.py` is for the terminal, `description.py` for
MLflow. Of any runs: `differences.py`, `experiment_frames.py`.
"""
