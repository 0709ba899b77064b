"""The program whose instructions are counted: each case once, after a call that warms it up.

The sizes of the caches are assumed: how a pass is run then does not depend on the machine.
"""

import bnfast
from bnfast import _core
from bnfast.bench.cases import Case
from bnfast.bench.operations import bnfast_call, make_problem
from callgrind import begin, end

CASES = [
    Case(operation, layout, shape, 1)
    for operation, layout, shape in (
        ("training", "NCHW", (4, 8, 28, 28)),
        ("training", "NCHW", (4, 32, 7, 7)),
        ("training", "NHWC", (4, 32, 14, 14)),
        ("training", "NHWC", (3, 17, 5, 7)),
        ("inference", "NCHW", (4, 8, 28, 28)),
        ("inference", "NCHW", (4, 32, 7, 7)),
        ("inference", "NHWC", (4, 32, 14, 14)),
        ("inference", "NHWC", (3, 17, 5, 7)),
        ("backward", "NCHW", (4, 8, 28, 28)),
        ("backward", "NCHW", (4, 32, 7, 7)),
        ("backward", "NHWC", (4, 32, 14, 14)),
        ("backward", "NHWC", (3, 17, 5, 7)),
        ("moments", "NCHW", (4, 8, 28, 28)),
        ("moments", "NHWC", (4, 32, 14, 14)),
        ("inference", "NCHW", (1, 64)),
        ("layer", "NCHW", (1, 64)),
        ("training", "NCHW", (257, 10)),
        ("training", "NCHW", (32, 2048)),
        ("training", "NCHW", (64, 64, 2, 2)),
        # Large enough to be stored past the caches.
        ("training", "NHWC", (16, 64, 64, 64)),
        ("inference", "NHWC", (4, 500, 50, 50)),
        ("training", "NCHW", (8, 64, 64, 64)),
        ("training", "NCHW", (32, 84, 28, 28)),
        ("training", "NCHW", (32, 336, 14, 14)),
        ("backward", "NCHW", (32, 64, 28, 28)),
    )
]


def main():
    """Make all calls ready, then make them."""
    _core.assume_cache_sizes(512 << 10, 32 << 20)
    calls = [
        bnfast_call(bnfast, case.operation, make_problem(case.layout, case.shape)) for case in CASES
    ]
    for call in calls:
        call()
        begin()
        call()
        end()


if __name__ == "__main__":
    main()
