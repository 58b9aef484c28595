"""A recorded run, run again: what its record says, whether the two are the same bits, and the code of then."""
