"""`ChannelStats` as what JSON holds: every number exact, no NaN, no infinity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfast.channel_stats.limits import Limits
from bnfast.channel_stats.packing import NAN_POLICIES, Header
from bnfast.channel_stats.parts import FloatPart, IntegerPart, exact_integers, rows_of_integers

__all__ = ["dump", "load"]

_FORMAT = "bnfast.ChannelStats"
_VERSION = 1
_MOMENTS = ("mean", "mean_low", "m2", "m2_low")
_MOST_SUM = (1 << 127) - 1


def dump(
    header: Header, floats: FloatPart, integers: IntegerPart, limits: Limits | None
) -> dict[str, Any]:
    """Return what `load` takes."""
    document: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, **header._asdict()}
    document["floats"] = {
        "count": floats.count.tolist(),
        **{name: _numbers(row) for name, row in zip(_MOMENTS, floats.moments, strict=True)},
    }
    document["integers"] = {
        "count": integers.count.tolist(),
        "sum": exact_integers(integers.sums[:2]),
        "sum_of_squares": exact_integers(integers.sums[2:]),
    }
    if limits is not None:
        document["limits"] = {"min": _numbers(limits.low), "max": _numbers(limits.high)}
    return document


def load(document: Any) -> tuple[Header, FloatPart, IntegerPart, Limits | None]:
    """Return what `dump` took.

    Raises
    ------
    TypeError
        Not a mapping.
    ValueError
        Not what `dump` has returned.
    """
    if not isinstance(document, Mapping):
        raise TypeError(f"document must be a mapping, got {type(document).__name__}")
    if document.get("format") != _FORMAT or document.get("version") != _VERSION:
        raise ValueError(
            f"document must be of format {_FORMAT!r}, version {_VERSION}, got "
            f"{document.get('format')!r}, version {document.get('version')!r}"
        )
    try:
        return _parts(document)
    except KeyError as error:
        raise ValueError(f"document must have {error}") from None
    except (TypeError, OverflowError) as error:
        raise ValueError(f"document must hold what ChannelStats.to_dict returns: {error}") from None


def _parts(document: Mapping[str, Any]) -> tuple[Header, FloatPart, IntegerPart, Limits | None]:
    header = Header(*(document[name] for name in Header._fields))
    _check(header)
    channels = header.num_features or 0
    floats, integers = FloatPart(channels), IntegerPart(channels)
    of_floats, of_integers = document["floats"], document["integers"]
    floats.count[...] = _counts(of_floats["count"], channels)
    for name, row in zip(_MOMENTS, floats.moments, strict=True):
        row[...] = _floats(of_floats[name], channels)
    integers.count[...] = _counts(of_integers["count"], channels)
    integers.sums[:2] = _sums(of_integers["sum"], channels, -_MOST_SUM)
    integers.sums[2:] = _sums(of_integers["sum_of_squares"], channels, 0)
    if not header.minmax:
        return header, floats, integers, None
    limits, of_limits = Limits(channels), document["limits"]
    limits.low[...] = _floats(of_limits["min"], channels)
    limits.high[...] = _floats(of_limits["max"], channels)
    return header, floats, integers, limits


def _check(header: Header) -> None:
    features, axis, minmax, policy = header
    counts = features is None or (_is_integer(features) and features >= 0)
    if counts and _is_integer(axis) and minmax in (False, True) and policy in NAN_POLICIES:
        return
    raise ValueError(f"document must hold what ChannelStats.to_dict returns, got {header}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(row: NDArray[np.float64]) -> list[float | str]:
    """Return numbers, and "nan", "inf" and "-inf" for what JSON has no numbers for."""
    return [value if np.isfinite(value) else str(value) for value in row.tolist()]


def _of_channels(values: Sequence[Any], channels: int) -> Sequence[Any]:
    if len(values) != channels:
        raise ValueError(f"document must have {channels} values per list, got {len(values)}")
    return values


def _floats(values: Sequence[Any], channels: int) -> list[float]:
    return [float(value) for value in _of_channels(values, channels)]


def _integers(values: Sequence[Any], channels: int, least: int, most: int) -> list[int]:
    for value in _of_channels(values, channels):
        if not _is_integer(value) or not least <= value <= most:
            raise ValueError(
                f"document must hold integers from {least} to {most} for counts and sums, "
                f"got {value!r}"
            )
    return list(values)


def _counts(values: Sequence[Any], channels: int) -> list[int]:
    return _integers(values, channels, 0, (1 << 63) - 1)


def _sums(values: Sequence[Any], channels: int, least: int) -> NDArray[np.int64]:
    return rows_of_integers(_integers(values, channels, least, _MOST_SUM))
