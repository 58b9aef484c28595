"""A branch and a way around it."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class Residual(Module):
    """y = branch(x) + shortcut(x).

    Args:
        branch: any module.
        shortcut: a module whose result has the branch's shape; the identity unless given.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, eqs. 1 and 2.

    >>> from cnn_core import ReLU
    >>> Residual(ReLU())(np.array([[-1.0, 2.0]]))
    array([[-1.,  4.]])
    """

    def __init__(self, branch: Module, shortcut: Module | None = None) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut
        self.share(self.buffers)

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → the branch's shape.

        Raises:
            ValueError: the two results differ in shape.
        """
        along = self.branch.forward(x)
        around = x if self.shortcut is None else self.shortcut.forward(x)
        if along.shape != around.shape:
            raise ValueError(f"Residual needs results of one shape, got {along.shape} and {around.shape}")
        return self._sum(along, around)

    def backward(self, dy: Array) -> Array:
        """dx = the branch's + the shortcut's."""
        return self._sum(self.branch.backward(dy), dy if self.shortcut is None else self.shortcut.backward(dy))

    def parameter_gradients(self, dy: Array) -> None:
        """Both ways' own."""
        for way in self.children().values():
            way.parameter_gradients(dy)

    def input_gradient(self, dy: Array) -> Array:
        """dx, as in `backward`, leaving the parameters' gradients as they are."""
        around = dy if self.shortcut is None else self.shortcut.input_gradient(dy)
        return self._sum(self.branch.input_gradient(dy), around)

    def _sum(self, a: Array, b: Array) -> Array:
        """a + b in memory of its own: either may be what a layer remembers, or what was handed in."""
        a, b = batch_last(a), batch_last(b)
        total = self.buffers.empty(a.shape, np.result_type(a, b))
        for_each(lambda rows: np.add(a[rows], b[rows], out=total[rows]), blocks_of(total), work=3 * total.nbytes)
        return batch_first(total)
