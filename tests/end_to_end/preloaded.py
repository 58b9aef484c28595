"""What processes of `starters` find imported. It is not imported here: MLflow's tables are declared with warnings."""

from importlib import import_module

from experiments.store.client import mlflow

for needed in (
    "experiments.train",
    "experiments.runs.report",
    "experiments.sweeps.sweep",
    "experiments.sync",
    "pytest",
):
    import_module(needed)  # pytest: a process begins by importing the program that began it
mlflow()
import_module("mlflow.store.tracking.sqlalchemy_store")  # what MLflow imports when it meets its first SQLite store
import_module("alembic.command")
