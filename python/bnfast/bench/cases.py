"""What is timed: an operation on a shape in a layout, with a number of threads."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from bnfast.bench.operations import LAYOUTS, TRAFFIC, Traffic
from bnfast.bench.shapes import NETWORKS, unique_shapes

LAYERS = ("training", "inference", "backward", "moments")
TYPICAL_SHAPES = ((8, 64, 112, 112), (8, 256, 56, 56), (32, 256, 14, 14), (8, 2048, 7, 7))
ODD_SHAPES = (
    *((3, 17, 31, 29), (1, 3, 512, 512), (128, 512, 2, 2)),
    *((32, 250, 28, 28), (257, 1000), (32, 8192)),
)
SMALL_CALLS = (
    ("layer", (1, 64)),
    ("inference", (1, 64)),
    ("layer", (1, 256, 14, 14)),
    ("inference", (1, 256, 14, 14)),
    ("training", (1, 256, 14, 14)),
)


@dataclass(frozen=True)
class Case:
    """One operation, layout, shape (N, C and the spatial sizes) and number of threads.

    Examples
    --------
    >>> from bnfast.bench.cases import Case
    >>> case = Case("training", "NHWC", (8, 256, 56, 56), 2)
    >>> case.name, case.bytes_moved // case.tensor_bytes
    ('training-NHWC-8x256x56x56-2t', 2)
    """

    operation: str
    layout: str
    shape: tuple[int, ...]
    threads: int

    def __post_init__(self) -> None:
        if self.operation not in TRAFFIC:
            raise ValueError(f"operation must be one of {list(TRAFFIC)}, got {self.operation!r}")
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {list(LAYOUTS)}, got {self.layout!r}")
        if len(self.shape) < 2 or min(self.shape) < 1:
            raise ValueError(f"shape must be N, C and more, all 1 or more, got {self.shape}")
        if self.threads < 1:
            raise ValueError(f"threads must be 1 or more, got {self.threads}")
        if not has_answer(self.operation, self.shape):
            raise ValueError(f"training needs several values per channel, got shape {self.shape}")

    @property
    def name(self) -> str:
        """A name for tables, options and files."""
        shape = "x".join(map(str, self.shape))
        return f"{self.operation}-{self.layout}-{shape}-{self.threads}t"

    @property
    def traffic(self) -> Traffic:
        """The least that must move."""
        return TRAFFIC[self.operation]

    @property
    def tensor_bytes(self) -> int:
        """Size of one float32 tensor."""
        return 4 * math.prod(self.shape)

    @property
    def bytes_moved(self) -> int:
        """The least bytes that must move."""
        return self.traffic.tensors * self.tensor_bytes

    def figures(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "operation": self.operation,
            "layout": self.layout,
            "shape": list(self.shape),
            "threads": self.threads,
        }


def has_answer(operation: str, shape: tuple[int, ...]) -> bool:
    """Whether an operation can be done on a shape: one value per channel has no variance to train.

    Examples
    --------
    >>> from bnfast.bench.cases import has_answer
    >>> has_answer("training", (1, 64)), has_answer("training", (1, 64, 2))
    (False, True)
    """
    return operation != "training" or math.prod(shape) > shape[1]


def layer_cases(
    shapes: Iterable[tuple[int, ...]],
    threads: Sequence[int],
    operations: Sequence[str] = LAYERS,
    layouts: Sequence[str] = LAYOUTS,
) -> list[Case]:
    """Return every operation and layout on every shape, as far as it can be done.

    Of a shape (N, C) there is one layout, with one value per channel no training.
    """
    return [
        Case(operation, layout, shape, count)
        for shape, layout, operation, count in product(shapes, layouts, operations, threads)
        if (len(shape) > 2 or layout == "NCHW") and has_answer(operation, shape)
    ]


def small_calls(threads: int) -> list[Case]:
    """Return the calls that take microseconds."""
    return [Case(operation, "NCHW", shape, threads) for operation, shape in SMALL_CALLS]


def typical_cases(threads: int) -> list[Case]:
    """Return the default selection: all operations and layouts, few shapes, odd and small ones.

    Examples
    --------
    >>> from bnfast.bench.cases import typical_cases
    >>> {case.threads for case in typical_cases(4)}
    {1, 4}
    """
    return layer_selection(threads) + odd_cases(threads) + small_calls(threads)


def layer_selection(threads: int) -> list[Case]:
    """Return all operations and layouts on few shapes of ResNet-50, one of them with one thread."""
    cases = layer_cases(TYPICAL_SHAPES, [threads]) + layer_cases(TYPICAL_SHAPES[1:2], [1])
    return list(dict.fromkeys(cases))


def odd_cases(threads: int) -> list[Case]:
    """Return shapes that fit no vector, few channels, the shortest planes, and tables."""
    return layer_cases(ODD_SHAPES, [threads], operations=("training", "backward"))


def network_cases(networks: Iterable[str], batch: int, threads: Sequence[int]) -> list[Case]:
    """Return every operation and layout on the different shapes of networks.

    Parameters
    ----------
    networks : iterable of str
        Of ``"resnet50"``, ``"mobilenet_v2"`` and ``"densenet121"``.
    batch : int
        N.
    threads : sequence of int
        Each of these numbers.

    Returns
    -------
    list of Case
        Without repetitions.

    Raises
    ------
    ValueError
        If a network is unknown.

    Examples
    --------
    >>> from bnfast.bench.cases import network_cases
    >>> len(network_cases(["resnet50"], 32, [1, 2]))
    192
    """
    networks = list(networks)
    unknown = [network for network in networks if network not in NETWORKS]
    if unknown:
        raise ValueError(f"networks must be among {list(NETWORKS)}, got {unknown[0]!r}")
    shapes = dict.fromkeys((batch, *shape) for name in networks for shape in unique_shapes(name))
    return layer_cases(shapes, threads)


def sensitive_cases(threads: int) -> list[Case]:
    """Return few cases, quickly measured, that see each kernel and the cost of a call."""
    return layer_cases(((32, 256, 14, 14), (8, 64, 56, 56)), [threads]) + small_calls(threads)
