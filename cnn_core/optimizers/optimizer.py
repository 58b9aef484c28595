"""What all optimizers share: parameters, a learning rate, and a state that can be put aside and taken up again."""

from collections.abc import Iterable, Mapping

import numpy as np

from cnn_core.buffers import Buffers, aligned_copy
from cnn_core.layout import Array
from cnn_core.module import Parameter, check_fit
from cnn_core.parallel import blocks_of, for_each


class Optimizer:
    """Updates parameters in place from their gradients.

    `lr` may be set between steps. The slots of `state` (momentum and the like) hold one array a parameter.
    """

    def __init__(self, parameters: Iterable[Parameter], *, lr: float, weight_decay: float) -> None:
        if not lr > 0 or not np.isfinite(lr):
            raise ValueError(f"lr must be a finite number above 0, got {lr}")
        if not weight_decay >= 0 or not np.isfinite(weight_decay):
            raise ValueError(f"weight_decay must be a finite number, 0 or more, got {weight_decay}")
        self.parameters = list(parameters)
        self.lr = lr
        self.weight_decay = weight_decay
        self.steps = 0
        self.state: dict[str, list[Array]] = {}
        self._buffers = Buffers()

    def step(self) -> None:
        """Take one step for all parameters."""
        self.steps += 1
        numbered = [
            (index, block)
            for index, parameter in enumerate(self.parameters)
            for block in blocks_of(parameter.value.reshape(-1))
        ]
        for_each(self._step_block, numbered, work=4 * sum(parameter.value.nbytes for parameter in self.parameters))

    def update(self, value: Array, gradient: Array, state: Mapping[str, Array], scratch: Array) -> None:
        """Change values and their state in place, element by element; the gradient stays as it is.

        Args:
            value: some elements of a parameter, `(B,)`.
            gradient: theirs, weight decay included.
            state: by slot, theirs.
            scratch: `(B,)`, for the rule to use as it likes.
        """
        raise NotImplementedError

    def decayed(self, value: Array, gradient: Array) -> Array:
        """The gradient with weight decay, g + λθ: that of the loss plus λ/2·‖θ‖² (L2 regularisation)."""
        if not self.weight_decay:
            return gradient
        g = self._buffers.empty(value.shape, value.dtype)
        np.multiply(value, self.weight_decay, out=g)
        g += gradient
        return g

    def _step_block(self, numbered: tuple[int, slice]) -> None:
        """Update a block small enough that the rule's many passes over it stay in the cache."""
        index, block = numbered
        parameter = self.parameters[index]
        value = parameter.value.reshape(-1, copy=False)[block]
        state = {name: slot[index].reshape(-1)[block] for name, slot in self.state.items()}
        scratch = self._buffers.empty(value.shape, value.dtype)
        self.update(value, self.decayed(value, parameter.grad.reshape(-1)[block]), state, scratch)

    def add_slot(self, name: str) -> None:
        """Give every parameter an array of zeros under this name."""
        self.state[name] = [aligned_copy(np.zeros_like(parameter.value)) for parameter in self.parameters]

    def state_dict(self) -> dict[str, Array]:
        """Copies of all slots and the count of steps, by name."""
        arrays = {f"{name}.{i}": a.copy() for name, slot in self.state.items() for i, a in enumerate(slot)}
        return {"steps": np.array(self.steps), **arrays}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Take up a state of the same optimizer over parameters of the same shapes.

        Raises:
            ValueError: names, shapes or dtypes differ; nothing is changed then.
        """
        check_fit(self.state_dict(), state)
        self.steps = int(state["steps"])
        for name, slot in self.state.items():
            for i, array in enumerate(slot):
                array[...] = state[f"{name}.{i}"]
