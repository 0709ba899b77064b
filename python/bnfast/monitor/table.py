"""The newest figures of the worst channels as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bnfast.monitor.flags import KINDS, Flag
from bnfast.monitor.history import History

__all__ = ["Place", "by_place", "report_table", "worst_places"]

_HEADER = (
    "channel", "mean", "std", "run. mean", "run. std", "drift/SE", "var drift", "KL", "mean/std",
    "flags",
)  # fmt: skip
_FIELDS = ("mean", "std", "running_mean", "running_std", "drift_mean", "drift_var", "kl", "ratio")


class Place(NamedTuple):
    """A channel of a layer."""

    layer: str
    channel: int


def by_place(flags: Sequence[Flag]) -> dict[Place, list[Flag]]:
    """Sort flags by channel; gravest first."""
    found: dict[Place, list[Flag]] = defaultdict(list)
    for flag in sorted(flags, key=lambda flag: KINDS.index(flag.kind)):
        found[Place(flag.layer, flag.channel)].append(flag)
    return dict(found)


def worst_places(histories: Mapping[str, History], flags: Sequence[Flag]) -> list[Place]:
    """Return all channels: gravest flags first, then by divergence, what is not a number first."""
    flagged = by_place(flags)
    keys = {}
    for layer, history in histories.items():
        kl = history.kl[-1] if len(history.step) else np.zeros(0)
        for channel, value in enumerate(np.nan_to_num(kl, nan=np.inf).tolist()):
            keys[Place(layer, channel)] = (len(KINDS), -value)
    for place, found in flagged.items():
        keys[place] = (KINDS.index(found[0].kind), keys.get(place, (0, 0.0))[1])
    return sorted(keys, key=lambda place: keys[place])


def report_table(histories: Mapping[str, History], flags: Sequence[Flag], limit: int) -> str:
    """Return the table, the reasons below it, and how much it leaves out."""
    flagged = by_place(flags)
    places = worst_places(histories, flags)
    shown = places[: max(limit, 0)]
    rows = [_row(place, histories[place.layer], flagged.get(place, [])) for place in shown]
    reasons = [str(flag) for place in shown for flag in flagged.get(place, [])]
    blocks = [_aligned([_HEADER, *rows]), "\n".join(reasons), _summary(places, shown, flagged)]
    return "\n\n".join(block for block in blocks if block)


def _row(place: Place, history: History, flags: Sequence[Flag]) -> tuple[str, ...]:
    name = f"{place.layer}[{place.channel}]"
    kinds = " ".join(flag.kind for flag in flags)
    if not len(history.step):
        return (name, *["-"] * len(_FIELDS), kinds)
    numbers = [_text(getattr(history, field)[-1, place.channel]) for field in _FIELDS]
    return (name, *numbers, kinds)


def _text(value: np.float32) -> str:
    return f"{value:.3g}"


def _summary(
    places: Sequence[Place], shown: Sequence[Place], flagged: Mapping[Place, Sequence[Flag]]
) -> str:
    text = f"{len(flagged)} of {len(places)} channels flagged"
    hidden = len(places) - len(shown)
    if hidden:
        of_them = len(set(flagged) - set(shown))
        text += f"; {hidden} not shown, {of_them or 'none'} of them flagged"
    return text


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Align the first and the last column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *numbers, last in rows:
        middle = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *middle, last]).rstrip())
    return "\n".join(lines)
