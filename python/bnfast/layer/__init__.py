"""The batch normalization layer: its statistics, its ways to normalize, its state."""

from bnfast.layer.batch_norm import BatchNorm
from bnfast.layer.renorm import Renorm

__all__ = ["BatchNorm", "Renorm"]
