"""The runner: composes a configuration, trains a network of `cnn_core`, records the run, compares runs.

The modules on this level are the commands, `python -m experiments.NAME`; the folders hold what they are made of.
"""

import sys

from experiments.interruption import end_quietly

if sys.argv[0] == "-m":  # as long as Python looks for the command, which then imports for half a second
    end_quietly()
