"""The real data that scikit-learn carries, as batches; and two features of unlike scale."""

import importlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TILE = 128
_TILE_ROWS, _TILE_COLUMNS = 8, 16


@dataclass(frozen=True)
class Dataset:
    """Samples along axis 0, cut into batches of equal size.

    `shown` are the channels that the tables show.
    """

    name: str
    samples: NDArray[np.float32]
    channel_axis: int
    batch_size: int
    channels: tuple[str, ...]
    shown: tuple[int, ...]

    def slices(self) -> Iterator[slice]:
        """Yield the slices of one batch each."""
        for start in range(0, len(self.samples), self.batch_size):
            yield slice(start, start + self.batch_size)

    def epoch(self, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
        """Yield the samples once, in random order, as batches."""
        order = rng.permutation(len(self.samples))
        for part in self.slices():
            yield self.samples[order[part]]

    def batches(self, count: int, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
        """Yield `count` batches, epoch after epoch."""
        epochs = (self.epoch(rng) for _ in itertools.count())
        return itertools.islice(itertools.chain.from_iterable(epochs), count)


def require_extra() -> None:
    """Raise ImportError, naming the extra, if a package of ``bnfast[demo]`` is missing."""
    for module in ("sklearn", "matplotlib", "PIL"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ImportError(
                f"the demo needs {module}, which cannot be imported ({error}): "
                "pip install 'bnfast[demo]'"
            ) from error


def load_photographs() -> NDArray[np.uint8]:
    """Return scikit-learn's two photographs, shape (2, 427, 640, 3), values 0..255."""
    from sklearn.datasets import load_sample_images

    return np.stack(load_sample_images().images)


def photograph_tiles(photographs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cut photographs (N, H, W, 3) into overlapping tiles (N * 128, 128, 128, 3)."""
    tiles = [
        photograph[window] for photograph in photographs for window in _windows(photograph.shape)
    ]
    return np.stack(tiles).astype(np.float32)


def assemble(tiles: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Put the tiles of one photograph together again; `shape` is (H, W, 3)."""
    photograph = np.empty(shape, tiles.dtype)
    for window, tile in zip(_windows(shape), tiles, strict=True):
        photograph[window] = tile
    return photograph


def _windows(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Return where the tiles lie: evenly spread rows and columns that cover a photograph."""
    tops = np.linspace(0, shape[0] - TILE, _TILE_ROWS).astype(int)
    lefts = np.linspace(0, shape[1] - TILE, _TILE_COLUMNS).astype(int)
    return [(slice(top, top + TILE), slice(left, left + TILE)) for top in tops for left in lefts]


def photograph_datasets(photographs: NDArray[np.uint8]) -> tuple[Dataset, Dataset]:
    """Return the tiles as NCHW and as NHWC batches of 32."""
    nhwc = photograph_tiles(photographs)
    nchw = np.ascontiguousarray(nhwc.transpose(0, 3, 1, 2))
    common: dict[str, Any] = {
        "batch_size": 32,
        "channels": ("red", "green", "blue"),
        "shown": (0, 1, 2),
    }
    return (
        Dataset("photographs NCHW", nchw, 1, **common),
        Dataset("photographs NHWC", nhwc, -1, **common),
    )


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return scikit-learn's digits: images (1797, 8, 8), values 0..16, and labels (1797,)."""
    from sklearn.datasets import load_digits as load

    digits = load()
    return digits.images.astype(np.float32), digits.target.astype(np.intp)


def digit_datasets(images: NDArray[np.float32]) -> tuple[Dataset, Dataset]:
    """Return the digits as images of one channel and as a table of 64 pixels."""
    count, height, width = images.shape
    pixels = tuple(f"pixel {row},{column}" for row in range(height) for column in range(width))
    batch_size = count // 3
    return (
        Dataset("digits NCHW", images[:, None], 1, batch_size, ("grey",), (0,)),
        Dataset(
            "digits table",
            images.reshape(count, -1),
            1,
            batch_size,
            pixels,
            (0, 8, 10, 20, 28, 36, 43, 59),
        ),
    )


def housing_features(rng: np.random.Generator, count: int = 10_000) -> NDArray[np.float32]:
    """Return simulated bedrooms, 1..5, and prices, 1000..99999, shape (count, 2)."""
    bedrooms = rng.integers(1, 6, size=count)
    price = 1000 + 98_999 * rng.beta(bedrooms + 1, 7 - bedrooms)
    return np.stack([bedrooms, price], axis=1).astype(np.float32)
