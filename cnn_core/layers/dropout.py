"""Random zeros against overfitting."""

import numpy as np

from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module
from cnn_core.parallel import blocks_of, for_each


class Dropout(Module):
    """In training y = x · m / (1 − r) with m = 0 with probability r, else 1, drawn anew for every element.

    In evaluation y = x: dividing by 1 − r keeps the mean what it is there. All chance comes from the generator that
    `draw_from` was given last; it is drawn in the order of memory, on one thread and in single precision, so that the
    same elements are dropped whatever the number of threads and the dtype.

    Args:
        rate: r, in [0, 1).

    Source: Srivastava et al., "Dropout", 2014; scaled in training ("inverted"), see section 10 there.

    >>> layer = Dropout(0.5)
    >>> layer.draw_from(np.random.default_rng(0))
    >>> layer(np.ones((1, 6)))
    array([[2., 2., 2., 0., 0., 0.]])
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout needs a rate in [0, 1), got {rate}")
        self.rate = rate
        self._rng: np.random.Generator | None = None

    def draws(self) -> bool:
        """It does."""
        return True

    def draw_from(self, rng: np.random.Generator) -> None:
        """Take all chance from this generator from now on."""
        self._rng = rng

    def forward(self, x: Array) -> Array:
        """`(N, ...)` → `(N, ...)`.

        Raises:
            RuntimeError: in training, there is no generator yet.
        """
        if not self.training:
            return x
        if self._rng is None:
            raise RuntimeError("Dropout: a forward pass in training needs draw_from(rng) before it")
        x = batch_last(x)
        drawn = self.buffers.empty(x.shape, np.float32)
        kept = self.buffers.empty(x.shape, np.bool_)
        self._rng.random(out=drawn, dtype=np.float32)

        def block(rows: slice) -> None:
            np.greater_equal(drawn[rows], self.rate, out=kept[rows])

        for_each(block, blocks_of(drawn), work=drawn.nbytes)
        self.remember(kept)
        return batch_first(self._scaled(x, kept))

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy · m / (1 − r)."""
        return batch_first(self._scaled(batch_last(dy), self.recall()[0]))

    def _scaled(self, x: Array, kept: Array) -> Array:
        y = self.buffers.empty(x.shape, x.dtype)

        def block(rows: slice) -> None:
            y[rows] = kept[rows]  # multiplying by numbers is faster than by truth values
            y[rows] *= x[rows]
            y[rows] *= 1 / (1 - self.rate)

        for_each(block, blocks_of(y), work=6 * y.nbytes)
        return y
