"""The batch norms of networks: few typical shapes, or with --network NAME all of one."""

import pytest

pytestmark = pytest.mark.benchmark(max_time=0.2, min_rounds=3)


def test_layer(layer_case, time_case):
    time_case(layer_case)
