"""What PyTorch has no module of its own for, put together from those it has, with our names of parameters."""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import max_pool2d


class BatchNormMaxPool2d(nn.BatchNorm2d):  # type: ignore[misc]  # PyTorch is an extra
    """Batch normalisation, then the largest of windows side by side."""

    def __init__(self, channels: int, kernel_size: int | tuple[int, int], **settings: Any) -> None:
        super().__init__(channels, **settings)
        self.kernel_size = kernel_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return max_pool2d(super().forward(x), self.kernel_size)


class Residual(nn.Module):  # type: ignore[misc]
    """A branch and a way around it."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.branch(x) + (x if self.shortcut is None else self.shortcut(x))


class Times(nn.Module):  # type: ignore[misc]
    """Times a constant."""

    def __init__(self, constant: torch.Tensor) -> None:
        super().__init__()
        self.constant = constant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.constant
