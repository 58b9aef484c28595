"""Faults injected into real processes: whatever happens to a run, the same command ends with the same result.

Each module has one kind of fault and a function that carries out one trial of it. `kinds.py` lists them; pytest runs a
few of each (`-m long`), `python -m tests.faults` many.
"""
