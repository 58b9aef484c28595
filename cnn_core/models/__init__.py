"""Networks built from numbers, a family a file. How a configuration names them is not decided here."""
