"""Convolutional networks in NumPy: layers, losses, optimizers, models.

It imports NumPy and the standard library only, and knows nothing of configurations, files of data or trackers.

Arrays have PyTorch's shapes at every public boundary: images `(N, C, H, W)`, features `(N, F)`. In memory the batch
lies innermost, see `cnn_core.layout`.
"""

from cnn_core.buffers import Buffers
from cnn_core.gradcheck import complex_step_gradient, gradient_errors
from cnn_core.initializers import he_normal
from cnn_core.layers.avg_pool2d import AvgPool2d
from cnn_core.layers.batch_norm2d import BatchNorm2d
from cnn_core.layers.batch_norm_max_pool2d import BatchNormMaxPool2d
from cnn_core.layers.conv2d import Conv2d
from cnn_core.layers.dropout import Dropout
from cnn_core.layers.flatten import Flatten
from cnn_core.layers.gelu import GELU
from cnn_core.layers.global_avg_pool2d import GlobalAvgPool2d
from cnn_core.layers.leaky_relu import LeakyReLU
from cnn_core.layers.linear import Linear
from cnn_core.layers.max_pool2d import MaxPool2d
from cnn_core.layers.relu import ReLU
from cnn_core.layers.residual import Residual
from cnn_core.layers.sigmoid import Sigmoid
from cnn_core.layers.tanh import Tanh
from cnn_core.losses import CrossEntropyLoss
from cnn_core.metrics import accuracy
from cnn_core.models.cnn_bn import cnn_bn
from cnn_core.models.lenet5 import lenet5
from cnn_core.models.residual_net import residual_net
from cnn_core.models.simple_cnn import simple_cnn
from cnn_core.module import Module, Parameter, Statistic
from cnn_core.optimizers.adam import Adam
from cnn_core.optimizers.adamw import AdamW
from cnn_core.optimizers.clipping import clip_gradient_norm
from cnn_core.optimizers.optimizer import Optimizer
from cnn_core.optimizers.rmsprop import RMSprop
from cnn_core.optimizers.sgd import SGD
from cnn_core.schedules.constant import ConstantSchedule
from cnn_core.schedules.cosine import CosineSchedule
from cnn_core.schedules.one_cycle import OneCycleSchedule
from cnn_core.schedules.schedule import Schedule
from cnn_core.schedules.step import StepSchedule
from cnn_core.sequential import Sequential
from cnn_core.state import load_state, save_state
from cnn_core.summary import LayerSummary, Summary, summary

__all__ = [
    "GELU",
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BatchNorm2d",
    "BatchNormMaxPool2d",
    "Buffers",
    "ConstantSchedule",
    "Conv2d",
    "CosineSchedule",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "LayerSummary",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "OneCycleSchedule",
    "Optimizer",
    "Parameter",
    "RMSprop",
    "ReLU",
    "Residual",
    "Schedule",
    "Sequential",
    "Sigmoid",
    "Statistic",
    "StepSchedule",
    "Summary",
    "Tanh",
    "accuracy",
    "clip_gradient_norm",
    "cnn_bn",
    "complex_step_gradient",
    "gradient_errors",
    "he_normal",
    "lenet5",
    "load_state",
    "residual_net",
    "save_state",
    "simple_cnn",
    "summary",
]
