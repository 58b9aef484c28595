"""One optimizer a file. Each updates parameters in place from their gradients; none computes or clears a gradient."""
