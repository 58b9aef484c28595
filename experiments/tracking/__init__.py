"""What MLflow shows, made equal to what the run folders say, by a process that does nothing else.

`run_view` is the desired state, a function of a folder; `store` observes; `reconcile` makes them equal. Processes that
train know `targets`, `outbox` and `publisher` alone, none of which imports MLflow.
"""
