"""Fully connected layer."""

from math import prod

import numpy as np
import numpy.typing as npt

from cnn_core.initializers import he_normal
from cnn_core.layout import Array, batch_first, batch_last
from cnn_core.module import Module, Parameter
from cnn_core.parallel import for_each, slices

_PART_WORK = 2**21  # worth a part of its own, at least


class Linear(Module):
    """y = x Wᵀ + b, with `weight` W `(out, in)` and `bias` b `(out,)`; W starts He-normal, b zero.

    >>> layer = Linear(3, 2, rng=np.random.default_rng(0))
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def multiply_adds(self, output_shape: tuple[int, ...]) -> int:
        """`in` for every element of the result."""
        return self.weight.value.size // len(self.weight.value) * prod(output_shape)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear needs at least one feature in and out, got {in_features} and {out_features}")
        self.weight = Parameter(he_normal((out_features, in_features), fan_in=in_features, rng=rng, dtype=dtype))
        self.bias = Parameter(np.zeros(out_features, dtype))

    def forward(self, x: Array) -> Array:
        """`(N, in)` → `(N, out)`.

        Raises:
            ValueError: x is not a matrix of `in` columns.
        """
        w, b = self.weight.value, self.bias.value
        if x.ndim != 2 or x.shape[1] != w.shape[1]:
            raise ValueError(f"Linear({w.shape[1]}, {w.shape[0]}) needs (N, {w.shape[1]}), got {x.shape}")
        x = batch_last(x)  # (in, N)
        parts = self._parts(x)
        terms = self.buffers.empty((len(parts), len(w), x.shape[1]), np.result_type(x, w, b))

        def product(k: int) -> None:
            np.matmul(w[:, parts[k]], x[parts[k]], out=terms[k])  # (out, part) @ (part, N) → (out, N)

        for_each(product, range(len(parts)), work=self._work(x))
        y = terms[0]
        for term in terms[1:]:  # in order, whichever thread computed them
            y += term
        y += b[:, None]
        self.remember(x)
        return batch_first(y)

    def parameter_gradients(self, dy: Array) -> None:
        """dW = dyᵀ x and db = Σₙ dy."""
        (x,), dy = self.recall(), batch_last(dy)  # (in, N) and (out, N)
        dw = self.weight.grad

        def product(part: slice) -> None:
            np.matmul(dy, x[part].T, out=dw[:, part])  # (out, N) @ (N, part) → (out, part)

        for_each(product, self._parts(x), work=self._work(x))
        np.sum(dy, axis=1, out=self.bias.grad)

    def input_gradient(self, dy: Array) -> Array:
        """dx = dy W."""
        w, (x,), dy = self.weight.value, self.recall(), batch_last(dy)
        dx = self.buffers.empty(x.shape, np.result_type(dy, w))

        def product(part: slice) -> None:
            np.matmul(w[:, part].T, dy, out=dx[part])  # (part, out) @ (out, N) → (part, N)

        for_each(product, self._parts(x), work=self._work(x))
        return batch_first(dx)

    def _parts(self, x: Array) -> list[slice]:
        """Cut the incoming features, the longest side, into up to four parts; the work is the same for all products."""
        return slices(len(x), -(-len(x) // min(4, max(1, int(self._work(x)) // _PART_WORK))))

    def _work(self, x: Array) -> float:
        return float(self.weight.value.size * x.shape[1] / 2)
