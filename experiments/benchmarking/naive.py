"""Where it all began: net (a) trained by loops over images, channels and pixels, as the original script did."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.benchmarking.nets import Images, build_net, random_images
from experiments.benchmarking.work import LR

BATCH = 16  # a few seconds' work
Arrays = dict[str, npt.NDArray[Any]]


def naive_seconds(repetitions: int = 2, clock: Callable[[], float] = perf_counter) -> float:
    """How long a training step takes for an image: the shortest of a few."""
    weights, images = build_net("a").state_dict(), random_images(BATCH)
    times = []
    for _ in range(repetitions):
        begun = clock()
        naive_step(weights, images)
        times.append(clock() - begun)
    return min(times) / BATCH


def naive_step(weights: Arrays, images: Images) -> Arrays:
    """Take a step of SGD in place; return the gradients, by name."""
    x, count = images.pixels, len(images.labels)
    convolved = _convolve(x, weights["conv1.weight"], weights["conv1.bias"])  # (N, O, H, W)
    features = np.maximum(convolved, 0).reshape(count, -1)  # (N, O, H, W) → (N, O·H·W)
    linear = features @ weights["fc1.weight"].T + weights["fc1.bias"]
    hidden = np.maximum(linear, 0)
    logits = hidden @ weights["fc2.weight"].T + weights["fc2.bias"]

    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    d_logits = exponentials / exponentials.sum(axis=1, keepdims=True)
    d_logits[np.arange(count), images.labels] -= 1
    d_logits /= count
    d_linear = d_logits @ weights["fc2.weight"] * (linear > 0)
    d_convolved = (d_linear @ weights["fc1.weight"]).reshape(convolved.shape) * (convolved > 0)

    gradients = {
        **_convolution_gradients(x, weights["conv1.weight"], d_convolved),
        "fc1.weight": d_linear.T @ features,
        "fc1.bias": d_linear.sum(axis=0),
        "fc2.weight": d_logits.T @ hidden,
        "fc2.bias": d_logits.sum(axis=0),
    }
    for name, gradient in gradients.items():
        weights[name] -= LR * gradient
    return gradients


def _padded(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))


def _convolve(x: npt.NDArray[Any], w: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(N, C, H, W)` → `(N, O, H, W)`, one element at a time; the kernel is 3×3, the padding 1."""
    padded = _padded(x)
    y = np.zeros((len(x), len(w), *x.shape[2:]), x.dtype)
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = np.sum(padded[n, :, i : i + 3, j : j + 3] * w[o]) + b[o]
    return y


def _convolution_gradients(x: npt.NDArray[Any], w: npt.NDArray[Any], dy: npt.NDArray[Any]) -> Arrays:
    """Of weight and bias, one element of dy at a time; the script also computed that of the images, and so do we."""
    padded = _padded(x)
    dw, d_padded = np.zeros_like(w), np.zeros_like(padded)
    for n, o, i, j in np.ndindex(dy.shape):
        dw[o] += padded[n, :, i : i + 3, j : j + 3] * dy[n, o, i, j]
        d_padded[n, :, i : i + 3, j : j + 3] += w[o] * dy[n, o, i, j]
    return {"conv1.weight": dw, "conv1.bias": dy.sum(axis=(0, 2, 3))}
