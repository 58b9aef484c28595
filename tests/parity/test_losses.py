"""Cross-entropy, with labels smoothed and not, and its gradient."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from cnn_core import CrossEntropyLoss
from tests.core.arrays import examples, normal
from tests.parity.compare import assert_same, both_dtypes, tensor


@both_dtypes
@examples(40)
@given(
    count=st.integers(1, 20),
    classes=st.integers(1, 12),
    scale=st.sampled_from([0.1, 1.0, 30.0]),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0),
)
def test_cross_entropy(
    count: int, classes: int, scale: float, smoothing: float, seed: int, dtype: npt.DTypeLike
) -> None:
    logits = (scale * normal(seed, count, classes)).astype(dtype)
    labels = np.random.default_rng(seed).integers(0, classes, count)
    z = tensor(logits, requires_grad=True)
    expected = cross_entropy(z, tensor(labels), label_smoothing=smoothing)
    expected.backward()
    loss = CrossEntropyLoss(smoothing)
    assert_same(np.asarray(loss.forward(logits, labels), dtype), expected)
    assert z.grad is not None
    assert_same(loss.backward(), z.grad)
