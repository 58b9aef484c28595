"""Modules applied one after the other."""

from cnn_core.layout import Array
from cnn_core.module import Module


class Sequential(Module):
    """y = fₙ(… f₂(f₁(x))), each layer under a name of its own.

    A backward pass frees what the forward pass remembered, layer by layer, so there is one for each forward pass.

    >>> import numpy as np
    >>> from cnn_core import Linear, ReLU
    >>> net = Sequential(fc1=Linear(4, 3, rng=np.random.default_rng(0)), relu1=ReLU())
    >>> [name for name, _ in net.named_parameters()]
    ['fc1.weight', 'fc1.bias']
    """

    def __init__(self, **layers: Module) -> None:
        super().__init__()
        if not layers:
            raise ValueError("Sequential needs at least one layer")
        for name in layers.keys() & (vars(self).keys() | {"layers"}):
            raise ValueError(f"a layer cannot be called {name}, which is an attribute of Sequential's own")
        self.layers = layers
        vars(self).update(layers)
        self.share(self.buffers)

    def forward(self, x: Array) -> Array:
        """Apply every layer in turn."""
        self.forget()  # memory of a forward pass that no backward pass followed
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def parameter_gradients(self, dy: Array) -> None:
        """Walk back through the layers; the first one is spared its input gradient."""
        first, *others = self.layers.values()
        for layer in reversed(others):
            dy = layer.backward(dy)
            layer.forget()
        first.parameter_gradients(dy)
        first.forget()

    def input_gradient(self, dy: Array) -> Array:
        """Walk back through all layers, leaving the parameters' gradients as they are."""
        for layer in reversed(self.layers.values()):
            dy = layer.input_gradient(dy)
            layer.forget()
        return dy

    def backward(self, dy: Array) -> Array:
        """Walk back through all layers, to the gradient of the input."""
        for layer in reversed(self.layers.values()):
            dy = layer.backward(dy)
            layer.forget()
        return dy
