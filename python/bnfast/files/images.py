"""Images of files as arrays with the channels last. Needs Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfast.files.errors import FileError

__all__ = ["read_image", "require_pillow"]

_CONVERTED = {"1": "L", "P": "RGB", "PA": "RGBA"}


def require_pillow() -> None:
    """Raise ImportError, naming the extra to install, where Pillow is missing."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise ImportError("images need Pillow: pip install 'bnfast[demo]'") from None


def read_image(path: Path) -> list[NDArray[Any]]:
    """Return the frames of an image, each of shape (H, W, C).

    Palettes become RGB, and bits grey levels of 0 and 255.

    Raises
    ------
    FileError
        Not an image that Pillow reads.
    """
    from PIL import Image, ImageSequence

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.filterwarnings("ignore", "Palette images with Transparency")
            return [_array(frame) for frame in ImageSequence.Iterator(image)]
    except MemoryError:
        raise
    except Exception as error:  # what its decoders raise is not listed anywhere
        raise FileError(path, error) from error


def _array(frame: Any) -> NDArray[Any]:
    mode = _CONVERTED.get(frame.mode)
    array = np.asarray(frame.convert(mode) if mode else frame)
    return array if array.ndim == 3 else array[:, :, np.newaxis]
