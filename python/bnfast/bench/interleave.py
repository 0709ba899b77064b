"""Let contenders take turns: every block is a random order of them and its mirror image."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bnfast.bench.contender import Clock, Contender
from bnfast.bench.ratio import Floats

_BLOCKS_BETWEEN_LOOKS = 4


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    seconds : float
        Begin no further block after this time.
    least_blocks, most_blocks : int
        Whatever the time. Fewer than 8 give no interval of 99 %, see `median_ratio`.
    warm_up, turn : float
        Seconds that a turn lasts before it is timed, and while it is.
    seed : int
        Of the orders.
    """

    seconds: float = 1.0
    least_blocks: int = 8
    most_blocks: int = 200
    warm_up: float = 0.005
    turn: float = 0.005
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.least_blocks <= self.most_blocks:
            raise ValueError(
                "least_blocks and most_blocks must be 1 or more, in this order, "
                f"got {self.least_blocks} and {self.most_blocks}"
            )
        for name in ("seconds", "warm_up", "turn"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")


def interleave(
    contenders: Sequence[Contender],
    effort: Effort,
    *,
    of_block: Callable[..., Floats] = np.mean,
    enough: Callable[[Floats], bool] = lambda times: False,
    clock: Clock = time.perf_counter,
) -> Floats:
    """Return the times of contenders that took turns.

    Two contenders run as A B B A or B A A B: a machine that grows slower at a steady rate, and
    the cost of coming after the other, fall on both alike.

    Parameters
    ----------
    contenders : sequence of Contender
        Those that take turns.
    effort : Effort
        How long.
    of_block : callable, default numpy.mean
        Makes one time of the two that a contender has in a block.
    enough : callable
        Shown the times now and then; true ends the measurement early.
    clock : callable, optional
        Returns seconds; `time.perf_counter` by default.

    Returns
    -------
    ndarray of float64, shape (blocks, contenders)
        Seconds per call.

    Examples
    --------
    >>> from bnfast.bench.contender import Timed
    >>> from bnfast.bench.interleave import Effort, interleave
    >>> effort = Effort(seconds=0, least_blocks=3, warm_up=0, turn=0)
    >>> interleave([Timed(lambda: None), Timed(lambda: list(range(9)))], effort).shape
    (3, 2)
    """
    rng = np.random.default_rng(effort.seed)
    end = clock() + effort.seconds
    blocks: list[Floats] = []
    while len(blocks) < effort.most_blocks:
        if len(blocks) >= effort.least_blocks and clock() >= end:
            break
        order = rng.permutation(len(contenders)).tolist()
        blocks.append(of_block(_block(contenders, effort, order), axis=0))
        look = len(blocks) >= effort.least_blocks and len(blocks) % _BLOCKS_BETWEEN_LOOKS == 0
        if look and enough(np.array(blocks)):
            break
    return np.array(blocks)


def _block(contenders: Sequence[Contender], effort: Effort, order: list[int]) -> Floats:
    times = np.empty((2, len(contenders)))
    for half, places in enumerate((order, order[::-1])):
        for place in places:
            times[half, place] = contenders[place].turn(effort.warm_up, effort.turn)
    return times
