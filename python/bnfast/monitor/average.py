"""What a running average is made of: how much of its start is left, how many batches it holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["AverageWeights"]


@dataclass
class AverageWeights:
    """The weights in ``average = (1 - momentum)*average + momentum*batch`` after some batches.

    `filled` is the weight of all batches; the rest is that of the value before any. `squares` is
    the sum of the squared weights of the batches when these are scaled to sum to 1: the variance of
    the average is `squares` times that of one batch, so ``1/squares`` batches are in it.
    """

    filled: float = 0.0
    squares: float = 1.0

    @classmethod
    def of_given(cls, momentum: float | None) -> AverageWeights:
        """Return those of a value that is trusted as it is: the limit after many batches."""
        return cls(1.0, 1.0 if momentum is None else momentum / (2 - momentum))

    def advance(self, batches: int, tracked: int, momentum: float | None) -> float:
        """Take in `batches`, the last of `tracked`; return the weight of the newest, start aside.

        NaN if no batch has any weight.
        """
        if momentum is None:
            self.filled, self.squares = 1.0, 1 / tracked
            return self.squares
        kept = (1 - momentum) ** batches
        unscaled = self.squares * (self.filled * kept) ** 2
        if momentum > 0:
            unscaled += momentum * (1 - kept**2) / (2 - momentum)
        self.filled = self.filled * kept + (momentum if batches == 1 else 1 - kept)
        if self.filled == 0:
            return math.nan
        self.squares = unscaled / self.filled**2
        return momentum / self.filled
