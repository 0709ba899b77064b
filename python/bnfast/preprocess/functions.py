"""Images normalized, batched and brought back, each in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfast import _core

__all__ = ["denormalize", "normalize", "to_batch"]

Layout: TypeAlias = Literal["HWC", "CHW"]
Channels: TypeAlias = "NDArray[np.floating] | Sequence[float]"


def normalize(
    img: Any,
    mean: Channels,
    std: Channels,
    *,
    scale: float | None = None,
    layout: Layout = "HWC",
    out_layout: Layout = "CHW",
    swap_rb: bool = False,
    dtype: DTypeLike = np.float32,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize an image, or a batch: ``y = (img*scale - mean)/std`` per channel, in one pass.

    The image is read where it lies, whatever its strides: crops, flips, every other pixel and
    transposed views are not copied. Computed as if in real numbers and rounded once: see Notes.

    Parameters
    ----------
    img : array of shape (H, W, C) or (N, H, W, C)
        uint8, uint16, float16, bfloat16, float32 or float64; with ``layout="CHW"`` of shape
        (C, H, W) or (N, C, H, W). Anything with the buffer protocol, ``__array_interface__`` or
        ``__dlpack__`` is accepted.
    mean, std : array of shape (C,)
        float32 or float64 or a sequence, for the channels of the result, in its order. `std` must
        be positive.
    scale : float, optional
        What the image is multiplied by first. Default: 1 over the greatest number of an integer
        type (1/255, 1/65535), 1 for floats. Not 0.
    layout, out_layout : {"HWC", "CHW"}
        Where the channels lie in `img` and in the result; N comes first where there is one.
    swap_rb : bool
        The first and the third channel change places: BGR to RGB. For 3 or 4 channels.
    dtype : dtype
        float32, float16 or bfloat16 (which needs the package ``ml_dtypes``) of the result.
    out : numpy.ndarray, optional
        Where to write the result: its shape and dtype, any strides, apart from `img`.
    num_threads : int, optional
        Default: see `bnfast.set_num_threads`. The result's bits do not depend on it.

    Returns
    -------
    numpy.ndarray
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong type, dtype, shape, range or place. Nothing has been written then.
    ImportError
        bfloat16 is asked for by name and ``ml_dtypes`` is not installed.

    Notes
    -----
    uint8 is computed as the sum of two float32 terms, the first of them exact; all else in float64.
    So the result is the exact one rounded to nearest even, but where that lies midway between two
    neighbours to within 1/2000 of half their distance: then it is either of them.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, normalize
    >>> img = np.full((480, 640, 3), 255, np.uint8)
    >>> y = normalize(img, IMAGENET_MEAN, IMAGENET_STD)
    >>> y.shape, y.dtype, y[:, 0, 0].round(3)
    ((3, 480, 640), dtype('float32'), array([2.249, 2.429, 2.64 ], dtype=float32))
    >>> normalize(img[100:324, 200:424], IMAGENET_MEAN, IMAGENET_STD).shape  # a crop: not copied
    (3, 224, 224)
    """
    return _core.normalize_images(
        img, mean, std, scale, layout, out_layout, swap_rb, dtype, out, num_threads
    )


def to_batch(
    images: Sequence[Any],
    mean: Channels,
    std: Channels,
    *,
    scale: float | None = None,
    layout: Layout = "HWC",
    out_layout: Layout = "CHW",
    swap_rb: bool = False,
    dtype: DTypeLike = np.float32,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Normalize images into one batch, without stacking them first.

    Parameters
    ----------
    images : sequence of arrays of shape (H, W, C)
        All of one shape and dtype, each with strides of its own: crops of larger images are read
        where they lie. See `normalize` for what an image may be.
    mean, std : array of shape (C,)
        See `normalize`, as for all that follows.
    scale : float, optional
        What the images are multiplied by first.
    layout, out_layout : {"HWC", "CHW"}
        Where the channels lie in each image and in each result.
    swap_rb : bool
        The first and the third channel change places.
    dtype : dtype
        float32, float16 or bfloat16.
    out : numpy.ndarray, optional
        Where to write the result, of shape (N, C, H, W) or (N, H, W, C).
    num_threads : int, optional
        Default: see `bnfast.set_num_threads`. The result's bits do not depend on it.

    Returns
    -------
    numpy.ndarray of shape (N, C, H, W) or (N, H, W, C)
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        As `normalize`; also if there is no image, or if they differ in shape or dtype. Nothing has
        been written then.
    ImportError
        bfloat16 is asked for by name and ``ml_dtypes`` is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.preprocess import CLIP_MEAN, CLIP_STD, to_batch
    >>> photo = np.zeros((480, 640, 3), np.uint8)
    >>> crops = [photo[y : y + 224, 200:424] for y in (0, 100, 200)]
    >>> to_batch(crops, CLIP_MEAN, CLIP_STD).shape
    (3, 3, 224, 224)
    """
    return _core.normalize_to_batch(
        images, mean, std, scale, layout, out_layout, swap_rb, dtype, out, num_threads
    )


def denormalize(
    x: Any,
    mean: Channels,
    std: Channels,
    *,
    scale: float | None = None,
    layout: Layout = "CHW",
    out_layout: Layout = "HWC",
    swap_rb: bool = False,
    dtype: DTypeLike = np.uint8,
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Bring an image, or a batch, back: ``img = (x*std + mean)/scale``, the inverse of `normalize`.

    Parameters
    ----------
    x : array of shape (C, H, W) or (N, C, H, W)
        float16, bfloat16, float32 or float64; with ``layout="HWC"`` of shape (H, W, C) or
        (N, H, W, C). Read where it lies.
    mean, std : array of shape (C,)
        What it was normalized by, for the channels of `x`, in its order.
    scale : float, optional
        Default: 1 over the greatest number of an integer `dtype`, 1 for floats.
    layout, out_layout : {"HWC", "CHW"}
        Where the channels lie in `x` and in the result; N comes first where there is one.
    swap_rb : bool
        The first and the third channel change places: RGB to BGR. For 3 or 4 channels.
    dtype : dtype
        uint8 or uint16: rounded to the nearest integer, ties to even; what is out of range becomes
        the nearest end of it and NaN becomes 0. Or float32, float16, bfloat16.
    out : numpy.ndarray, optional
        Where to write the result: its shape and dtype, any strides, apart from `x`.
    num_threads : int, optional
        Default: see `bnfast.set_num_threads`. The result's bits do not depend on it.

    Returns
    -------
    numpy.ndarray
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong type, dtype, shape, range or place. Nothing has been written then.
    ImportError
        bfloat16 is asked for by name and ``ml_dtypes`` is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, denormalize, normalize
    >>> img = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    >>> x = normalize(img, IMAGENET_MEAN, IMAGENET_STD)
    >>> np.array_equal(denormalize(x, IMAGENET_MEAN, IMAGENET_STD), img)
    True
    """
    return _core.denormalize_images(
        x, mean, std, scale, layout, out_layout, swap_rb, dtype, out, num_threads
    )
