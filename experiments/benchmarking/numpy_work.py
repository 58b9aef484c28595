"""Our own core, at work."""

from collections.abc import Iterator
from contextlib import contextmanager

from cnn_core import SGD, CrossEntropyLoss, Sequential, parallel
from experiments.benchmarking.measuring import Lap
from experiments.benchmarking.nets import Images, layers
from experiments.benchmarking.work import BACKWARD, FORWARD, INFERENCE, LOSS, LR, STEP, TRAINING, part


class NumpyWork:
    """See `experiments.benchmarking.work.Work`."""

    def __init__(self, net: Sequential, images: Images, threads: int) -> None:
        self._net, self._images, self._threads = net, images, threads
        self._layers = list(layers(net))
        self._loss = CrossEntropyLoss()
        self._optimizer = SGD(net.parameters(), lr=LR)

    @contextmanager
    def ready(self, *, training: bool) -> Iterator[None]:
        """The threads begin and end here: they keep no core from whoever is next."""
        if training:
            self._net.train()
        else:
            self._net.evaluate()
        with parallel.threads(self._threads):
            yield

    def train(self, lap: Lap) -> None:
        """As the runner's training loop does."""
        self._loss.forward(self._net(self._images.pixels), self._images.labels)
        self._net.parameter_gradients(self._loss.backward())
        self._optimizer.step()
        lap(TRAINING)

    def train_by_layer(self, lap: Lap) -> None:
        """As `Sequential` does."""
        x = self._images.pixels
        for name, layer in self._layers:
            x = layer.forward(x)
            lap(part(FORWARD, name))
        self._loss.forward(x, self._images.labels)
        dy = self._loss.backward()
        lap(LOSS)
        (first_name, first), *others = self._layers
        for name, layer in reversed(others):
            dy = layer.backward(dy)
            layer.forget()
            lap(part(BACKWARD, name))
        first.parameter_gradients(dy)
        first.forget()
        lap(part(BACKWARD, first_name))
        self._optimizer.step()
        lap(STEP)

    def infer(self, lap: Lap) -> None:
        """A forward pass that remembers nothing."""
        self._net(self._images.pixels)
        lap(INFERENCE)

    def infer_by_layer(self, lap: Lap) -> None:
        """As `Sequential` does."""
        x = self._images.pixels
        for name, layer in self._layers:
            x = layer.forward(x)
            lap(part(INFERENCE, name))
