"""What processes of `starters` find imported. It is not imported here: MLflow's tables are declared with warnings."""

from importlib import import_module

import experiments.runs.execute
from experiments.recorders.mlflow_client import mlflow

assert experiments.runs.execute
mlflow()
import_module("mlflow.store.tracking.sqlalchemy_store")  # what MLflow imports when it meets its first SQLite store
import_module("alembic.command")
