"""One schedule a file: how the learning rate changes as training goes on. None knows an optimizer or keeps a state."""
