"""Many runs: which ones, how they are carried out, how they compare."""
