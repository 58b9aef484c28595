"""The oracle: every layer and the loss as plain loops over images, channels and pixels, in float64.

Written from the formulas alone; it imports nothing of the code under test and is far too slow for anything else.
Letters: N images, C input channels, O output channels, H×W input, P×Q output, kh×kw kernel.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Float64 = npt.NDArray[np.float64]
Pair = tuple[int, int]


def pad_images(x: Array, padding: Pair) -> Float64:
    """`(N, C, H, W)` → `(N, C, H + 2·ph, W + 2·pw)`, zeros around."""
    (n, c, h, w), (ph, pw) = x.shape, padding
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
    for i in range(h):
        for j in range(w):
            padded[:, :, ph + i, pw + j] = x[:, :, i, j]
    return padded


def conv_forward(
    x: Array, w: Array, b: Array, stride: Pair, padding: Pair, dilation: Pair = (1, 1), groups: int = 1
) -> Float64:
    """y[n, o, p, q] = Σ window · w[o] + b[o]."""
    (sh, sw), (o_count, _, kh, kw), (dh, dw) = stride, w.shape, dilation
    padded, w, b = pad_images(x, padding), w.astype(np.float64), b.astype(np.float64)
    p_count = (padded.shape[2] - dh * (kh - 1) - 1) // sh + 1
    q_count = (padded.shape[3] - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((len(x), o_count, p_count, q_count))
    for n in range(len(x)):
        for o in range(o_count):
            for p in range(p_count):
                for q in range(q_count):
                    window = padded[n][conv_window(p, q, o, w, stride, dilation, groups)]  # (C/G, kh, kw)
                    y[n, o, p, q] = (window * w[o]).sum() + b[o]
    return y


def conv_backward(
    x: Array, w: Array, dy: Array, stride: Pair, padding: Pair, dilation: Pair = (1, 1), groups: int = 1
) -> tuple[Float64, Float64, Float64]:
    """(dx, dw, db): every output hands its share back to the window and the kernel it came from."""
    (ph, pw), o_count = padding, len(w)
    padded, w, dy = pad_images(x, padding), w.astype(np.float64), dy.astype(np.float64)
    dpadded, dw, db = np.zeros(padded.shape), np.zeros(w.shape), np.zeros(o_count)
    for n in range(len(x)):
        for o in range(o_count):
            for p in range(dy.shape[2]):
                for q in range(dy.shape[3]):
                    window = conv_window(p, q, o, w, stride, dilation, groups)
                    dw[o] += padded[n][window] * dy[n, o, p, q]
                    dpadded[n][window] += w[o] * dy[n, o, p, q]
                    db[o] += dy[n, o, p, q]
    return dpadded[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], dw, db


def conv_window(
    p: int, q: int, o: int, w: Array, stride: Pair, dilation: Pair, groups: int
) -> tuple[slice, slice, slice]:
    """What output (p, q) of channel o sees of a padded image: the channels of its group, and every tap's pixel."""
    (o_count, c, kh, kw), (sh, sw), (dh, dw) = w.shape, stride, dilation
    group = o // (o_count // groups)
    rows, columns = range(p * sh, p * sh + kh * dh, dh), range(q * sw, q * sw + kw * dw, dw)
    return (
        slice(group * c, (group + 1) * c),
        slice(rows[0], rows[-1] + 1, dh),
        slice(columns[0], columns[-1] + 1, dw),
    )


def _first_maximum(window: Array) -> Pair:
    best = (0, 0)
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            if window[i, j] > window[best]:
                best = (i, j)
    return best


def max_pool_forward(x: Array, kernel: Pair, stride: Pair) -> Float64:
    """y[n, c, p, q] = the largest element of the window."""
    (kh, kw), (sh, sw) = kernel, stride
    y = np.zeros((*x.shape[:2], (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1))
    for n, c, p, q in np.ndindex(y.shape):
        window = x[n, c, p * sh : p * sh + kh, q * sw : q * sw + kw]
        y[n, c, p, q] = window[_first_maximum(window)]
    return y


def max_pool_backward(x: Array, dy: Array, kernel: Pair, stride: Pair) -> Float64:
    """dx: the whole gradient of a window goes to the first of its largest elements in reading order."""
    (kh, kw), (sh, sw) = kernel, stride
    dx = np.zeros(x.shape)
    for n, c, p, q in np.ndindex(dy.shape):
        i, j = _first_maximum(x[n, c, p * sh : p * sh + kh, q * sw : q * sw + kw])
        dx[n, c, p * sh + i, q * sw + j] += dy[n, c, p, q]
    return dx


def avg_pool_forward(x: Array, kernel: Pair, stride: Pair) -> Float64:
    """y[n, c, p, q] = the sum of the window's elements over their number."""
    (kh, kw), (sh, sw) = kernel, stride
    y = np.zeros((*x.shape[:2], (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1))
    for n, c, p, q in np.ndindex(y.shape):
        window = x[n, c, p * sh : p * sh + kh, q * sw : q * sw + kw]
        y[n, c, p, q] = math.fsum(map(float, window.ravel())) / (kh * kw)
    return y


def avg_pool_backward(dy: Array, shape: tuple[int, ...], kernel: Pair, stride: Pair) -> Float64:
    """dx: every element of a window gets the same share of its gradient."""
    (kh, kw), (sh, sw) = kernel, stride
    dx = np.zeros(shape)
    for n, c, p, q in np.ndindex(dy.shape):
        for i in range(kh):
            for j in range(kw):
                dx[n, c, p * sh + i, q * sw + j] += float(dy[n, c, p, q]) / (kh * kw)
    return dx


def flatten_forward(x: Array) -> Float64:
    """`(N, C, H, W)` → `(N, C·H·W)`: feature (c·H + h)·W + w is pixel (c, h, w)."""
    _, c_count, h_count, w_count = x.shape
    y = np.zeros((len(x), c_count * h_count * w_count))
    for n, c, h, w in np.ndindex(x.shape):
        y[n, (c * h_count + h) * w_count + w] = x[n, c, h, w]
    return y


def flatten_backward(dy: Array, shape: tuple[int, ...]) -> Float64:
    """`(N, C·H·W)` → `(N, C, H, W)`."""
    dx = np.zeros(shape)
    for n, c, h, w in np.ndindex(shape):
        dx[n, c, h, w] = dy[n, (c * shape[2] + h) * shape[3] + w]
    return dx


def linear_forward(x: Array, w: Array, b: Array) -> Float64:
    """y[n, o] = Σ w[o, f] · x[n, f] + b[o]."""
    x, w, b = x.astype(np.float64), w.astype(np.float64), b.astype(np.float64)
    y = np.zeros((len(x), len(w)))
    for n in range(len(x)):
        for o in range(len(w)):
            y[n, o] = (w[o] * x[n]).sum() + b[o]
    return y


def linear_backward(x: Array, w: Array, dy: Array) -> tuple[Float64, Float64, Float64]:
    """(dx, dw, db)."""
    x, w, dy = x.astype(np.float64), w.astype(np.float64), dy.astype(np.float64)
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for n in range(len(x)):
        for o in range(len(w)):
            dx[n] += w[o] * dy[n, o]
            dw[o] += x[n] * dy[n, o]
            db[o] += dy[n, o]
    return dx, dw, db


def relu_forward(x: Array) -> Float64:
    """y = x where x is above 0, else 0."""
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        y[index] = x[index] if x[index] > 0 else 0.0
    return y


def relu_backward(x: Array, dy: Array) -> Float64:
    """dx = dy where x is above 0, else 0."""
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        dx[index] = dy[index] if x[index] > 0 else 0.0
    return dx


def gelu(x: float) -> tuple[float, float]:
    """x · Φ(x) and its derivative Φ(x) + x · φ(x); Φ(x) = erfc(−x/√2) / 2."""
    cumulative = math.erfc(-x / math.sqrt(2)) / 2
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return x * cumulative, cumulative + x * density


def tanh(x: float) -> tuple[float, float]:
    """sinh x / cosh x and its derivative 1 / cosh² x."""
    return math.sinh(x) / math.cosh(x), 1 / math.cosh(x) ** 2


def sigmoid(x: float) -> tuple[float, float]:
    """1 / (1 + exp(−x)) and its derivative 1 / (2 + 2·cosh x)."""
    return 1 / (1 + math.exp(-x)), 1 / (2 + 2 * math.cosh(x))


def leaky_relu(x: float, negative_slope: float) -> tuple[float, float]:
    """x and 1 above 0, else a · x and a."""
    return (x, 1.0) if x > 0 else (negative_slope * x, negative_slope)


def activation_forward(function: Callable[[float], tuple[float, float]], x: Array) -> Float64:
    """y = f(x), number by number."""
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        y[index] = function(float(x[index]))[0]
    return y


def activation_backward(function: Callable[[float], tuple[float, float]], x: Array, dy: Array) -> Float64:
    """dx = dy · f'(x), number by number."""
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        dx[index] = float(dy[index]) * function(float(x[index]))[1]
    return dx


def softmax(z: Array) -> list[float]:
    """exp zₖ / Σ exp zⱼ of one row, with Python's own floats."""
    largest = max(float(value) for value in z)
    exponentials = [math.exp(float(value) - largest) for value in z]
    return [exponential / math.fsum(exponentials) for exponential in exponentials]


def cross_entropy_forward(logits: Array, labels: Array, smoothing: float = 0.0) -> float:
    """−1/N Σₙₖ qₖ log softmax(z)ₖ, with the target q below."""
    losses = [
        -target(k, y, len(z), smoothing) * math.log(probability)
        for z, y in zip(logits, labels, strict=True)
        for k, probability in enumerate(softmax(z))
        if target(k, y, len(z), smoothing)  # 0 · log 0 is 0
    ]
    return math.fsum(losses) / len(labels)


def target(k: int, label: int, classes: int, smoothing: float) -> float:
    """The share of class k: of `smoothing` as much as any other, and all the rest if it is the label."""
    return smoothing / classes + (1 - smoothing if k == label else 0.0)


def cross_entropy_backward(logits: Array, labels: Array, smoothing: float = 0.0) -> Float64:
    """(softmax(z) − q) / N."""
    gradient = np.zeros(logits.shape)
    for n in range(len(logits)):
        for k, probability in enumerate(softmax(logits[n])):
            gradient[n, k] = (probability - target(k, labels[n], logits.shape[1], smoothing)) / len(logits)
    return gradient
