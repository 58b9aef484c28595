"""One layer a file, each in the same order: constructor, forward, parameter gradients, input gradient."""
