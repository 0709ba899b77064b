"""Calls that take microseconds, where the cost of the call itself counts."""

import pytest

import bnfast
from bnfast.bench.cases import small_calls

pytestmark = pytest.mark.benchmark(max_time=0.2, min_rounds=3)


@pytest.mark.parametrize("case", small_calls(bnfast.get_num_threads()), ids=lambda c: c.name)
def test_small(case, time_case):
    time_case(case)
