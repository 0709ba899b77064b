"""A normalization that is prepared once and applied to many images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfast import _core
from bnfast.preprocess.functions import Channels, Layout, denormalize

__all__ = ["Normalizer"]

_OPTIONS = ("scale", "layout", "out_layout", "swap_rb", "dtype")


class Normalizer:
    """A prepared `normalize`: immutable, picklable, callable from many threads.

    What does not depend on the image is checked and folded once.

    Parameters
    ----------
    mean, std : array of shape (C,)
        float32 or float64 or a sequence, for the channels of the result.
    scale : float, optional
        Default: 1 over the greatest number of the image's integer type, 1 for floats.
    layout, out_layout : {"HWC", "CHW"}
        Where the channels lie in the image and in the result.
    swap_rb : bool
        The first and the third channel change places.
    dtype : dtype
        float32, float16 or bfloat16 of the result.

    Attributes
    ----------
    mean, std : numpy.ndarray of shape (C,), float64, read-only
    scale : float or None
    layout, out_layout : str
    swap_rb : bool
    dtype : numpy.dtype

    Raises
    ------
    TypeError, ValueError
        As `normalize`.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, Normalizer
    >>> to_input = Normalizer(IMAGENET_MEAN, IMAGENET_STD, swap_rb=True)
    >>> frame = np.zeros((224, 224, 3), np.uint8)
    >>> out = np.empty((3, 224, 224), np.float32)
    >>> to_input(frame, out) is out
    True
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    scale: float | None
    layout: Layout
    out_layout: Layout
    swap_rb: bool
    dtype: np.dtype[Any]
    _call: Callable[..., NDArray[Any]]
    _to_batch: Callable[..., NDArray[Any]]

    def __init__(
        self,
        mean: Channels,
        std: Channels,
        *,
        scale: float | None = None,
        layout: Layout = "HWC",
        out_layout: Layout = "CHW",
        swap_rb: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        prepared = _core.PreparedNormalization(mean, std, scale, layout, out_layout, swap_rb, dtype)
        vars(self).update(
            mean=prepared.mean,
            std=prepared.std,
            scale=scale,
            layout=layout,
            out_layout=out_layout,
            swap_rb=swap_rb,
            dtype=prepared.dtype,
            _call=prepared.call,
            _to_batch=prepared.to_batch,
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Normalizer does not change: make one with another {name}")

    @classmethod
    def from_stats(
        cls,
        stats: Any,
        *,
        scale: float | None = 1.0,
        layout: Layout = "HWC",
        out_layout: Layout = "CHW",
        swap_rb: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> Normalizer:
        """Return the normalizer for statistics taken of images.

        Parameters
        ----------
        stats : object or pair
            Something with `mean` and with `std` or `var`, each an array or a method that returns
            one, such as `bnfast.Moments`; or a pair ``(mean, std)``.
        scale : float, optional
            What images are multiplied by before they compare with the statistics. Default 1: these
            were taken of the numbers that images hold, 0 to 255 for uint8. None: of 0 to 1.
        layout, out_layout : {"HWC", "CHW"}
            Where the channels lie in the image and in the result.
        swap_rb : bool
            The first and the third channel change places. The statistics are those of the result.
        dtype : dtype
            float32, float16 or bfloat16 of the result.

        Returns
        -------
        Normalizer

        Raises
        ------
        TypeError, ValueError
            `stats` has no mean, or neither std nor var; otherwise as `normalize`.

        Examples
        --------
        >>> import numpy as np, bnfast
        >>> from bnfast.preprocess import Normalizer
        >>> images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3)).astype(np.uint8)
        >>> stats = bnfast.moments(images.astype(np.float32), channel_axis=-1)
        >>> y = Normalizer.from_stats(stats)(images)
        >>> np.allclose(y.mean((0, 2, 3)), 0, atol=1e-6), np.allclose(y.std((0, 2, 3)), 1)
        (True, True)
        """
        mean, std = _mean_and_std(stats)
        return cls(
            mean,
            std,
            scale=scale,
            layout=layout,
            out_layout=out_layout,
            swap_rb=swap_rb,
            dtype=dtype,
        )

    def __call__(
        self, img: Any, out: NDArray[Any] | None = None, *, num_threads: int | None = None
    ) -> NDArray[Any]:
        """Normalize an image, or a batch, as `normalize`.

        Parameters
        ----------
        img : array of shape (H, W, C) or (N, H, W, C)
            With ``layout="CHW"`` of shape (C, H, W) or (N, C, H, W).
        out : numpy.ndarray, optional
            Where to write the result.
        num_threads : int, optional
            Default: see `bnfast.set_num_threads`.

        Returns
        -------
        numpy.ndarray
            `out`, or a new C-contiguous array.
        """
        return self._call(img, out, num_threads)

    def to_batch(
        self,
        images: Sequence[Any],
        out: NDArray[Any] | None = None,
        *,
        num_threads: int | None = None,
    ) -> NDArray[Any]:
        """Normalize images into one batch, as the function `to_batch`.

        Parameters
        ----------
        images : sequence of arrays
            All of one shape and dtype, each with strides of its own.
        out : numpy.ndarray, optional
            Where to write the result.
        num_threads : int, optional
            Default: see `bnfast.set_num_threads`.

        Returns
        -------
        numpy.ndarray
            `out`, or a new C-contiguous array.
        """
        return self._to_batch(images, out, num_threads)

    def denormalize(
        self,
        x: Any,
        out: NDArray[Any] | None = None,
        *,
        dtype: DTypeLike = np.uint8,
        num_threads: int | None = None,
    ) -> NDArray[Any]:
        """Bring a result back to the images' own layout and order of channels.

        Parameters
        ----------
        x : array
            As this normalizer returns it, in any float type.
        out : numpy.ndarray, optional
            Where to write the image.
        dtype : dtype
            Of the image, see the function `denormalize`.
        num_threads : int, optional
            Default: see `bnfast.set_num_threads`.

        Returns
        -------
        numpy.ndarray
            `out`, or a new C-contiguous array.
        """
        return denormalize(
            x,
            self.mean,
            self.std,
            scale=self.scale,
            layout=self.out_layout,
            out_layout=self.layout,
            swap_rb=self.swap_rb,
            dtype=dtype,
            out=out,
            num_threads=num_threads,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        named = {name: getattr(self, name) for name in _OPTIONS}
        return partial(type(self), **named), (self.mean, self.std)

    def __repr__(self) -> str:
        """Return the call that makes one like this."""
        options = {name: getattr(self, name) for name in _OPTIONS} | {"dtype": self.dtype.name}
        named = ", ".join(f"{name}={value!r}" for name, value in options.items())
        return f"Normalizer({self.mean.tolist()}, {self.std.tolist()}, {named})"


def _mean_and_std(stats: Any) -> tuple[Any, Any]:
    if not hasattr(stats, "mean"):
        if isinstance(stats, Sequence) and len(stats) == 2:
            return stats[0], stats[1]
        raise TypeError(
            "stats must have mean, and std or var, or be a pair (mean, std), "
            f"got {type(stats).__name__}"
        )
    if hasattr(stats, "std"):
        return _value(stats.mean), _value(stats.std)
    if hasattr(stats, "var"):
        return _value(stats.mean), np.sqrt(_value(stats.var))
    raise TypeError(f"stats must have std or var beside mean, got {type(stats).__name__}")


def _value(found: Any) -> Any:
    return found() if callable(found) else found
