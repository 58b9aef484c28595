"""What MLflow shows, made equal to what the run folders say, by a process that does nothing else.

An epoch becomes metrics in three steps: `run_view` says what a folder is to look like in MLflow (desired state),
`reconcile` compares that with what the store has, and `experiments.store.store` sends what is missing. Processes that
train know `targets`, `outbox` and `process` alone, none of which imports MLflow.
"""
