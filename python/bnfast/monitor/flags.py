"""The flags: what each means, and the channels that deserve it.

===================  ===============================================================================
kind                 a channel has it if
===================  ===============================================================================
nonfinite            mean or variance, of the batch or running, is NaN or infinite
negative_variance    the running variance is below 0; below -eps inference gives NaN
exploding            ``std > exploding*usual``
dead                 ``var <= dead_of_eps*eps`` or ``var <= dead_of_usual*min(running var, usual
                     var)``, `patience` records in a row
stalled              ``momentum*abs(batch - running)`` is below half a unit in the last place of
                     the running value, `patience` records in a row, while the smoothed difference
                     is at least `stalled_offset`
drifting             the smoothed differences make a KL divergence of at least `drift_kl` and are
                     at least `drift_errors` of their standard errors, `patience` records in a row;
                     what the dtype cannot follow counts as none
cancelling           ``abs(mean) >= cancelling*std``, `patience` records in a row
===================  ===============================================================================

A channel that looks dead at a record is neither stalled nor drifting nor cancelling at it.
`usual` is the geometric mean of the first `patience` standard deviations of a channel that is not
dead, each counted as ``sqrt(eps)`` at least. Before there are so many, nothing is exploding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bnfast.monitor.comparison import Comparison, Difference, Running, kl_divergence
from bnfast.monitor.earlier import Earlier, Smoothed
from bnfast.monitor.thresholds import Thresholds

__all__ = ["KINDS", "LASTING", "Flag", "Found", "Kind", "of_batch", "of_running"]

Kind = Literal[
    "nonfinite", "negative_variance", "exploding", "dead", "stalled", "drifting", "cancelling"
]
Mask = NDArray[np.bool_]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All flags, gravest first."""

LASTING: frozenset[Kind] = frozenset({"dead", "stalled", "drifting", "cancelling"})
"""Those raised after `patience` records in a row."""


@dataclass(frozen=True)
class Flag:
    """One flag of one channel.

    Attributes
    ----------
    layer : str
    channel : int
    kind : str
        One of `KINDS`.
    first, last : int
        The first and the last step at which the channel had it.
    reason : str
        The numbers at the first.
    """

    layer: str
    channel: int
    kind: Kind
    first: int
    last: int
    reason: str

    def __str__(self) -> str:
        steps = f"step {self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.layer}[{self.channel}] {self.kind} ({steps}): {self.reason}"


@dataclass(frozen=True)
class Found:
    """The channels to which a kind applies at one step, and the reason for one of them."""

    mask: Mask
    reason: Callable[[int], str]


def of_running(running: Running, eps: float) -> dict[Kind, Found]:
    """Judge running statistics alone, as after loading a state."""
    mean, var = running.mean, running.var

    def not_finite(channel: int) -> str:
        return f"running mean {mean[channel]:g}, running variance {var[channel]:g}"

    def negative(channel: int) -> str:
        result = "NaN" if var[channel] + eps < 0 else "a result too large by any measure"
        if var[channel] + eps > 0:
            result = f"1/sqrt({var[channel] + eps:.3g}) as scale"
        return f"running variance {var[channel]:g}, eps {eps:g}: inference gives {result}"

    return {
        "nonfinite": Found(~(np.isfinite(mean) & np.isfinite(var)), not_finite),
        "negative_variance": Found(var < 0, negative),
    }


def of_batch(
    found: Comparison, running: Running | None, earlier: Earlier, limits: Thresholds, eps: float
) -> dict[Kind, Found]:
    """Judge one record; LASTING kinds are raised when they last."""
    with np.errstate(all="ignore"):
        dead = _dead(found, running, earlier, limits, eps)
        kinds: dict[Kind, Found] = {
            "nonfinite": _nonfinite(found),
            "exploding": _exploding(found, earlier, limits),
            "dead": dead,
            "cancelling": _cancelling(found, ~dead.mask, limits),
        }
        if running is not None:
            live = ~dead.mask
            kinds["stalled"] = _stalled(found, running, live, earlier, limits, eps)
            kinds["drifting"] = _drifting(found, live, earlier, limits, eps)
    return kinds


def _nonfinite(found: Comparison) -> Found:
    def reason(channel: int) -> str:
        return f"batch mean {found.mean[channel]:g}, batch variance {found.var[channel]:g}"

    return Found(~(np.isfinite(found.mean) & np.isfinite(found.var)), reason)


def _exploding(found: Comparison, earlier: Earlier, limits: Thresholds) -> Found:
    usual = np.sqrt(earlier.usual_var)
    std = np.sqrt(found.var)

    def reason(channel: int) -> str:
        return (
            f"std {std[channel]:.3g} is {std[channel] / usual[channel]:.3g} times the usual "
            f"{usual[channel]:.3g}"
        )

    return Found(np.isfinite(std) & (std > limits.exploding * usual), reason)


def _dead(
    found: Comparison, running: Running | None, earlier: Earlier, limits: Thresholds, eps: float
) -> Found:
    of_eps = limits.dead_of_eps * eps
    usual = earlier.usual_var
    if running is not None:
        usual = np.minimum(usual, running.var)
    limit = np.fmax(of_eps, limits.dead_of_usual * usual)

    def reason(channel: int) -> str:
        var = found.var[channel]
        if var <= of_eps:
            return f"variance {var:.3g} is nothing beside eps {eps:g}"
        return f"variance {var:.3g} is nothing beside the usual {usual[channel]:.3g}"

    return Found(found.var <= limit, reason)


def _cancelling(found: Comparison, live: Mask, limits: Thresholds) -> Found:
    ratio = np.abs(found.mean) / np.sqrt(found.var)

    def reason(channel: int) -> str:
        digits = np.log10(ratio[channel])
        return (
            f"mean {found.mean[channel]:.3g} is {ratio[channel]:.3g} times the std: taking it off "
            f"loses {digits:.1f} digits"
        )

    return Found(live & (ratio >= limits.cancelling) & np.isfinite(ratio), reason)


def _stalled(
    found: Comparison,
    running: Running,
    live: Mask,
    earlier: Earlier,
    limits: Thresholds,
    eps: float,
) -> Found:
    scale = earlier.var + eps
    offset = earlier.of_mean.value / np.sqrt(scale)
    excess = earlier.of_var.value / scale
    still_mean = _is_still(found.of_mean) & (np.abs(offset) >= limits.stalled_offset)
    still_var = _is_still(found.of_var) & (np.abs(excess) >= limits.stalled_offset)

    def reason(channel: int) -> str:
        name, values, off = "mean", running.mean, f"{offset[channel]:.3g} std"
        if not still_mean[channel]:
            name, values, off = "variance", running.var, f"{excess[channel]:.3g} of itself"
        value = values[channel]
        return (
            f"running {name} {value:.9g} stays: {value.dtype} has steps of "
            f"{np.spacing(value):.3g} there, momentum times the difference is less than half of "
            f"one; batches lie {off} away"
        )

    return Found(live & (still_mean | still_var), reason)


def _is_still(difference: Difference) -> Mask:
    return np.abs(difference.value) < difference.quantum


def _drifting(
    found: Comparison, live: Mask, earlier: Earlier, limits: Thresholds, eps: float
) -> Found:
    scale = earlier.var + eps
    of_mean = _beyond(earlier.of_mean, found.of_mean)
    of_var = _beyond(earlier.of_var, found.of_var)
    kl = kl_divergence(of_mean, np.maximum(scale + of_var, 0), np.zeros(()), scale)
    errors = np.fmax(
        np.abs(of_mean) / earlier.of_mean.error(found.of_mean.error),
        np.abs(of_var) / earlier.of_var.error(found.of_var.error),
    )

    def reason(channel: int) -> str:
        offset = of_mean[channel] / np.sqrt(scale[channel])
        factor = 1 + of_var[channel] / scale[channel]
        return (
            f"batches lie {offset:.3g} std from their running mean, their variance is "
            f"{factor:.3g} times the running one: KL {kl[channel]:.3g}, {errors[channel]:.3g} "
            "standard errors"
        )

    return Found(live & (kl >= limits.drift_kl) & (errors >= limits.drift_errors), reason)


def _beyond(smoothed: Smoothed, newest: Difference) -> NDArray[np.float64]:
    value = smoothed.value
    return np.copysign(np.maximum(np.abs(value) - newest.quantum, 0), value)
