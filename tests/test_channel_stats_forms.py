"""ChannelStats packed, as JSON, pickled and printed: every bit comes back."""

import copy
import json
import pickle
import re

import numpy as np
import pytest

from bnfast import ChannelStats

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)
FLOATS = RNG.normal(1e6, 1, (40, 3))
BYTES = RNG.integers(0, 256, (50, 3)).astype(np.uint8)
SHORTS = RNG.integers(-32768, 0, (60, 3)).astype(np.int16)
HOLES = np.where(RNG.random((9, 3)) < 0.3, np.nan, 1.0)
INFINITIES = np.array([[np.inf, -np.inf, 3.0]])

CASES = {
    "unknown channels": ((), {}),
    "no values": ((np.zeros((0, 3)),), {"minmax": True}),
    "floats": ((FLOATS[:7], FLOATS[7:]), {"channel_axis": 1}),
    "integers": ((BYTES, SHORTS), {"minmax": True}),
    "both": ((FLOATS, BYTES), {}),
    "left out": ((HOLES,), {"nan_policy": "omit", "minmax": True}),
    "not finite": ((HOLES, INFINITIES), {"minmax": True}),
}


@pytest.fixture(params=CASES)
def stats(request):
    arrays, options = CASES[request.param]
    made = ChannelStats(**options)
    for array in arrays:
        made.update(array)
    return made


FORMS = {
    "packed": lambda s: ChannelStats.unpack(s.pack()),
    "sent": lambda s: ChannelStats.unpack(np.frombuffer(s.pack().tobytes())),
    "dict": lambda s: ChannelStats.from_dict(s.to_dict()),
    "json": lambda s: ChannelStats.from_dict(json.loads(json.dumps(s.to_dict(), allow_nan=False))),
    "pickled": lambda s: pickle.loads(pickle.dumps(s)),
    "copied": copy.deepcopy,
    "merged": lambda s: ChannelStats.merged([s]),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_everything_comes_back(stats, form):
    again = form(stats)
    assert again == stats
    assert again is not stats
    options = ("num_features", "channel_axis", "minmax", "nan_policy")
    assert [getattr(again, o) for o in options] == [getattr(stats, o) for o in options]
    for found, kept in ((again.mean, stats.mean), (again.var(), stats.var())):
        assert np.array_equal(found, kept, equal_nan=True)
    assert np.array_equal(again.count, stats.count)
    more = np.full((2, 3), 5.0)
    axis = stats.channel_axis % 2
    assert again.update(more.T if axis == 0 else more) == stats.update(more)


def test_equality():
    a, b = (ChannelStats().update(FLOATS) for _ in range(2))
    assert a == b
    assert a != b.update(FLOATS[:1])
    assert a != ChannelStats(minmax=True).update(FLOATS)
    assert a != "a"
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


def test_the_size_is_that_of_the_channels_and_flags():
    for options in ({}, {"minmax": True}):
        sizes = {
            made.pack().size
            for made in (
                ChannelStats(3, **options),
                ChannelStats(channel_axis=1, **options).update(FLOATS),
                ChannelStats(nan_policy="raise", **options).update(BYTES).update(FLOATS),
            )
        }
        assert len(sizes) == 1
    assert len(pickle.dumps(ChannelStats().update(np.ones((10_000, 3))))) < 1000


def test_arrays_that_were_not_packed():
    packed = ChannelStats().update(BYTES).pack()
    with pytest.raises(TypeError, match=r"array must be a numpy.ndarray of float64, got float32"):
        ChannelStats.unpack(packed.astype(np.float32))
    with pytest.raises(TypeError, match=r"array must be a numpy.ndarray of float64, got list"):
        ChannelStats.unpack(packed.tolist())
    with pytest.raises(ValueError, match=re.escape("ChannelStats.pack has returned, got shape")):
        ChannelStats.unpack(packed[np.newaxis])
    with pytest.raises(ValueError, match=r"array must be what ChannelStats.pack has returned"):
        ChannelStats.unpack(np.zeros(54))
    with pytest.raises(ValueError, match="array must have 54 values for 3 channels, got 53"):
        ChannelStats.unpack(packed[:-1])
    for at, wrong, message in (
        (1, 2.0, "array must be packed in format 1, got 2"),
        (2, 0.5, "got header"),
        (2, np.nan, "got header"),
        (2, -2.0, "got header"),
        (4, 3.0, "got header"),
        (5, 7.0, "got header"),
        (24, -1.0, "array must hold integers of 32 bits"),
        (24, 0.5, "array must hold integers of 32 bits"),
        (24, np.nan, "array must hold integers of 32 bits"),
        (25, 2.0**32 - 1, "array must hold counts that are not negative"),
    ):
        spoilt = packed.copy()
        spoilt[at] = wrong
        with pytest.raises(ValueError, match=message):
            ChannelStats.unpack(spoilt)


def test_dicts_that_are_not_statistics():
    good = ChannelStats(minmax=True).update(BYTES).to_dict()
    with pytest.raises(TypeError, match="document must be a mapping, got list"):
        ChannelStats.from_dict([good])
    with pytest.raises(ValueError, match=r"document must be of format 'bnfast.ChannelStats'"):
        ChannelStats.from_dict({})
    with pytest.raises(ValueError, match=r"version 1, got 'bnfast.ChannelStats', version 2"):
        ChannelStats.from_dict({**good, "version": 2})
    for name in ("nan_policy", "floats", "integers", "limits"):
        with pytest.raises(ValueError, match=f"document must have '{name}'"):
            ChannelStats.from_dict({key: good[key] for key in good if key != name})
    for change, message in (
        ({"num_features": -3}, "document must hold what"),
        ({"num_features": 4}, "document must have 4 values per list, got 3"),
        ({"nan_policy": "drop"}, "document must hold what"),
        ({"minmax": "yes"}, "document must hold what"),
        ({"floats": 3}, "document must hold what"),
        ({"integers": {**good["integers"], "count": [1, 2, -1]}}, "integers from 0 to"),
        ({"integers": {**good["integers"], "sum": [1, 2, 1.5]}}, "got 1.5"),
        ({"integers": {**good["integers"], "sum": [1, 2, 1 << 127]}}, "integers from -"),
        ({"floats": {**good["floats"], "mean": [1, 2, "x"]}}, "could not convert"),
        ({"floats": {**good["floats"], "mean": [1, 2, None]}}, "document must hold what"),
    ):
        with pytest.raises(ValueError, match=message):
            ChannelStats.from_dict({**good, **change})
    assert ChannelStats.from_dict({**good, "note": "more"}) == ChannelStats.from_dict(good)


def test_dict_of_integers_is_legible():
    found = ChannelStats().update(np.array([[1, 250], [3, 255]], np.uint8)).to_dict()
    assert found["integers"] == {
        "count": [2, 2],
        "sum": [4, 505],
        "sum_of_squares": [10, 250**2 + 255**2],
    }


def test_what_is_printed():
    assert repr(ChannelStats()) == (
        "<ChannelStats(None, channel_axis=-1, minmax=False, nan_policy='propagate') without values>"
    )
    assert repr(ChannelStats(minmax=True).update(np.array([[1.0, 2.0], [3.0, 2.0]]))) == (
        "<ChannelStats(2, channel_axis=-1, minmax=True, nan_policy='propagate') "
        "count=2 mean=[2. 2.] std=[1. 0.]>"
    )
    assert len(repr(ChannelStats().update(np.ones((2, 500))))) < 250


def test_subclasses_stay_what_they_are():
    class Named(ChannelStats):
        """With nothing more."""

    named = Named().update(FLOATS)
    assert type(named + named) is Named
    assert type(named.scaled(2)) is Named
    assert type(copy.copy(named)) is Named
