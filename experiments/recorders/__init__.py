"""Where the results of epochs go, one recorder a file. The history comes first; all others can be made from it."""
