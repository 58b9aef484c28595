"""From a command line to a checked, typed configuration, or to a message that says how to mend it."""
