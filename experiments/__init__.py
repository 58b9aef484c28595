"""The runner: composes a configuration, trains a network of `cnn_core`, records the run, compares runs.

The modules on this level are the commands, `python -m experiments.NAME`; the folders hold what they are made of.
"""
