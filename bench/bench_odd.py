"""Shapes that fit no vector: odd sizes, few channels, the shortest planes, tables."""

import pytest

import bnfast
from bnfast.bench.cases import odd_cases

pytestmark = pytest.mark.benchmark(max_time=0.2, min_rounds=3)


@pytest.mark.parametrize("case", odd_cases(bnfast.get_num_threads()), ids=lambda c: c.name)
def test_odd(case, time_case):
    time_case(case)
