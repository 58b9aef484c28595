"""Access to MLflow: addresses, runs, files and pages of its UI. Of run folders nothing here knows.

`client` is the one file that imports MLflow.
"""
